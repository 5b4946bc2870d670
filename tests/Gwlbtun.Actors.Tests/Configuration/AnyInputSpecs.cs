using CsCheck;
using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

/// <summary>Whatever a user writes is taken or refused in words; nothing ends in a stack trace.</summary>
public class AnyInputSpecs
{
    private static readonly Gen<string> _hoconPieces = Gen.OneOf(
        "geneve", "port", "flows.reserve", "hooks.create", "akka", "include", "a", ".", " = ", ":", "+=", "{", "}", "[", "]", ",", "\n", "\"", "\"\"\"", "\\",
        "${", "${?", "${a}", "${geneve.port}", "}", "6081", "128 MiB", "350s", "null", "on", "auto", "0-3", "#", "//", " ", "$", "é", "\0", "\r");

    private static readonly Gen<string> _arguments = Gen.OneOf(
        Gen.OneOf(
            "-", "--", "---", "-p", "-p8060", "--port", "--port=1", "--po", "-js", "-jp", "-h", "--logging", "core=debug", "all=", "=", ",", "--reserve", "1,2,3,4,5,6",
            "--cmdnew=", "-c", "", " ", "@x", "-t", "99999999999999999999", "--udpaffinity", "0-1", "--rcvbuf", "1", "-i", "--bind", "--e", "\0", "[x]"),
        Gen.String[Gen.Char["-=pjschr:@ \n\0é0"], 0, 6]);

    [Fact]
    public void Should_read_or_refuse_any_document() => Gen.Select(_hoconPieces.Array[0, 30], string.Concat).Sample(text =>
    {
        try
        {
            HoconObject document = HoconParser.ParseText(text, line => new SettingOrigin.File("test", line));
            HoconObject resolved = new HoconResolver(document, null, Decide.NoEnvironment).Resolve();
            ConfigurationLayer layer = ConfigurationLayer.FromHocon(resolved, []);
            foreach ((SettingKey key, HoconNode value) in layer.Values)
                _ = key.Refusal(value);
        }
        catch (HoconException e)
        {
            return e.Origin is SettingOrigin.File { Line: > 0 };
        }

        return true;
    });

    [Fact]
    public void Should_take_or_refuse_any_command_line() => _arguments.Array[0, 6].Sample(arguments =>
        Decide.Of(arguments) is StartupDecision.Run or StartupDecision.Exit { Code: 0, Output.Length: > 0 } or StartupDecision.Exit { Code: 1, Error.Length: > 0 });

    [Fact]
    public void Should_take_or_refuse_any_value_of_any_key() => Gen.Select(Gen.OneOf(SettingKeys.All.ToArray()), Gen.String).Sample((key, text) =>
        Decide.OfLine("", new() { [key.EnvironmentName] = text }) is StartupDecision.Run or StartupDecision.Exit { Code: 1, Error.Length: > 0 });
}
