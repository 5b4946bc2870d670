using System.Text;
using Gwlbtun.Actors.Configuration;

namespace Gwlbtun.Actors.CommandLine;

/// <summary>The help text: <c>gwlbtun --help</c>.</summary>
internal static class HelpText
{
    private const int Width = 100;
    private const int HelpColumn = 28;

    public static string Write()
    {
        var text = new StringBuilder();
        text.Append("gwlbtun ").Append(ProgramVersion.Number).Append(": tunnel handler for AWS Gateway Load Balancer\n");
        text.Append("Usage: gwlbtun [options]\n");
        text.Append("Example: gwlbtun -c ./create-route.sh -r ./create-route.sh -p 8060\n");
        foreach ((string title, CommandOption[] options) in CommandOptions.Groups)
        {
            text.Append('\n').Append(title).Append('\n');
            foreach (CommandOption option in options)
                AppendOption(text, option);
        }

        return text.Append(Sections()).ToString();
    }

    private static string Sections() => $"""

        CORES is a list of cores and ranges of them such as 1-2,4,7-8. Without any of these options
        there are as many threads of each kind as cores that the process may run on.

        Hooks:
        When the first packet of a load balancer endpoint arrives, gwlbtun creates the interfaces gwi-X and
        gwo-X and runs the command of -c; before it removes them it runs the command of -r. FILE is the path
        of an executable, or a shell command to which the arguments are appended. A relative path starts from
        the directory that gwlbtun is started in. The arguments:
          1  CREATE or DESTROY.
          2  The ingress interface, gwi-X: packets from the load balancer come out of it.
          3  The egress interface, gwo-X: packets routed into it go back to the load balancer. Those routed
             into gwi-X do as well, but two interfaces make routing and firewall rules easier. With
             --no-return it is the word none.
          4  The ENI ID of the endpoint in 17 hexadecimal digits, so that vpce-$4 is the endpoint's ID.
        X is the ENI ID in base 60, which fits into the 15 characters of an interface name. The same is in
        the variables GWLBTUN_ACTION, GWLBTUN_IN_INTERFACE, GWLBTUN_OUT_INTERFACE, GWLBTUN_ENI and
        GWLBTUN_VPCE_ID. rp_filter of gwi-X is set to 0 unless tunnel.manage-rp-filter is off.

        Logging:
        CONFIG is a list SECTION=LEVEL,... without regard to case; the default is important.
          Sections: {string.Join(" ", SectionLevels.Sections)} {SectionLevels.AllSections}
          Levels:   {string.Join(" ", SectionLevels.Words.Select(w => w.Word))}

        Configuration:
        Every setting has a key in gwlbtun.conf, and each key an environment variable: geneve.port is
        GWLBTUN_GENEVE_PORT. A file overrides the defaults, the environment the file, options the environment.

        """;

    private static void AppendOption(StringBuilder text, CommandOption option)
    {
        string head = $"  {option.Forms}{(option.Argument is null ? "" : " " + option.Argument)}";
        text.Append(head);
        int column = head.Length;
        if (column >= HelpColumn)
            column = NewLine(text);
        text.Append(' ', HelpColumn - Math.Min(column, HelpColumn));
        column = HelpColumn;
        foreach (string word in option.Help.Split(' '))
        {
            if (column + word.Length > Width)
            {
                NewLine(text);
                text.Append(' ', HelpColumn);
                column = HelpColumn;
            }

            text.Append(word).Append(' ');
            column += word.Length + 1;
        }

        text.Length--;
        text.Append('\n');
    }

    private static int NewLine(StringBuilder text)
    {
        if (text[^1] == ' ')
            text.Length--;
        text.Append('\n');
        return 0;
    }
}
