using System.Text;

namespace Gwlbtun.Actors.Configuration.Hocon;

/// <summary>Writes resolved nodes as HOCON that both this project's parser and Akka's read alike.</summary>
internal static class HoconWriter
{
    private const int Indent = 2;

    /// <summary>Writes the members of <paramref name="node"/>, one a line, each with what <paramref name="comment"/> says of it.</summary>
    public static string WriteMembers(HoconObject node, int depth = 0, Func<HoconNode, string?>? comment = null)
    {
        var output = new StringBuilder();
        AppendMembers(output, node, depth, comment);
        return output.ToString();
    }

    /// <summary>A scalar or a list on one line.</summary>
    public static string WriteValue(HoconNode node) => node switch
    {
        HoconScalar { IsNull: true } => "null",
        HoconScalar scalar => WriteText(scalar.Text),
        HoconList list => $"[{string.Join(", ", list.Items.Select(WriteValue))}]",
        HoconObject { Members.Count: 0 } => "{}",
        HoconObject o => $"{{ {string.Join(", ", o.Members.Select(m => $"{WriteKey(m.Key)} = {WriteValue(m.Value)}"))} }}",
        _ => throw new ArgumentException("an unresolved node cannot be written", nameof(node)),
    };

    /// <summary>Text as it stands where HOCON allows that, else in quotation marks.</summary>
    public static string WriteText(string text)
    {
        bool plain = text.Length > 0 && text != "null" && !text.Contains("//", StringComparison.Ordinal)
            && !char.IsWhiteSpace(text[0]) && !char.IsWhiteSpace(text[^1])
            && text.All(c => char.IsAsciiLetterOrDigit(c) || c is ' ' or '.' or '-' or '_' or '/');
        return plain ? text : Quote(text);
    }

    public static string WriteKey(string key) =>
        key.Length > 0 && key != "include" && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_') ? key : Quote(key);

    private static void AppendMembers(StringBuilder output, HoconObject node, int depth, Func<HoconNode, string?>? comment)
    {
        foreach ((string key, HoconNode value) in node.Members)
        {
            output.Append(' ', depth * Indent).Append(WriteKey(key));
            if (value is HoconObject child)
            {
                output.Append(" {\n");
                AppendMembers(output, child, depth + 1, comment);
                output.Append(' ', depth * Indent).Append("}\n");
                continue;
            }

            output.Append(" = ").Append(WriteValue(value));
            if (comment?.Invoke(value) is { } remark)
                output.Append("  # ").Append(remark);
            output.Append('\n');
        }
    }

    private static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            quoted.Append(c switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                < ' ' => $"\\u{(int)c:x4}",
                _ => c.ToString(),
            });
        }

        return quoted.Append('"').ToString();
    }
}
