using System.Text;

namespace Gwlbtun.Actors.Configuration.Hocon;

/// <summary>Walks the characters of one HOCON document and knows the line it is on.</summary>
internal sealed class HoconScanner(string text, Func<int, SettingOrigin> originOfLine)
{
    private const char ByteOrderMark = '\uFEFF';
    private const string ReservedInText = "$\"{}[]:=,+#`^?!@*&\\";

    private int _index = text.Length > 0 && text[0] == ByteOrderMark ? 1 : 0;
    private int _line = 1;

    public bool AtEnd => _index >= text.Length;

    public char Current => AtEnd ? '\0' : text[_index];

    /// <summary>The origin of what is read next.</summary>
    public SettingOrigin Here => originOfLine(_line);

    /// <summary>The characters up to the end of the line or any of the structural ones are plain text.</summary>
    public bool AtText => !AtEnd && !char.IsWhiteSpace(Current) && !ReservedInText.Contains(Current, StringComparison.Ordinal) && !AtComment;

    private bool AtComment => Current == '#' || StartsWith("//");

    public bool StartsWith(string expected) => string.CompareOrdinal(text, _index, expected, 0, expected.Length) == 0;

    public HoconException Error(string message, string? hint = null) => new(message, Here, hint);

    public char Take()
    {
        char taken = text[_index++];
        if (taken == '\n')
            _line++;
        return taken;
    }

    public void Take(int count)
    {
        for (; count > 0; count--)
            Take();
    }

    public bool TryTake(string expected)
    {
        if (!StartsWith(expected))
            return false;
        Take(expected.Length);
        return true;
    }

    /// <summary>Skips blanks within the line and returns them.</summary>
    public string SkipBlanks()
    {
        int start = _index;
        while (!AtEnd && Current != '\n' && char.IsWhiteSpace(Current))
            Take();
        return text[start.._index];
    }

    /// <summary>Skips blanks, line ends and comments; commas as well where members or items are separated.</summary>
    public void SkipLines(bool commas = false)
    {
        while (!AtEnd)
        {
            if (AtComment)
                SkipComment();
            else if (char.IsWhiteSpace(Current) || (commas && Current == ','))
                Take();
            else
                return;
        }
    }

    /// <summary>True when nothing but blanks or a comment is left on the line, or the value ends here for another reason.</summary>
    public bool AtEndOfValue => AtEnd || AtComment || Current is '\n' or ',' or '}' or ']';

    public string TakeText()
    {
        int start = _index;
        while (AtText)
            Take();
        return text[start.._index];
    }

    public string TakeWhile(Func<char, bool> matches)
    {
        int start = _index;
        while (!AtEnd && matches(Current))
            Take();
        return text[start.._index];
    }

    /// <summary>Reads a string in single or triple quotation marks.</summary>
    public string TakeQuoted()
    {
        SettingOrigin start = Here;
        return TryTake("\"\"\"") ? TakeTripleQuoted(start) : TakeSingleQuoted(start);
    }

    private string TakeTripleQuoted(SettingOrigin start)
    {
        int begin = _index;
        int end = text.IndexOf("\"\"\"", _index, StringComparison.Ordinal);
        if (end < 0)
            throw new HoconException("this \"\"\" string has no end.", start);

        // Quotation marks beyond the closing three belong to the string.
        while (end + 3 < text.Length && text[end + 3] == '"')
            end++;
        Take(end + 3 - begin);
        return text[begin..end];
    }

    private string TakeSingleQuoted(SettingOrigin start)
    {
        var content = new StringBuilder();
        Take();
        while (true)
        {
            if (AtEnd || Current == '\n')
                throw new HoconException("this string has no closing quotation mark.", start);
            char next = Take();
            if (next == '"')
                return content.ToString();
            content.Append(next == '\\' ? TakeEscape() : next);
        }
    }

    private char TakeEscape()
    {
        char escaped = AtEnd ? '\0' : Take();
        switch (escaped)
        {
            case '"' or '\\' or '/': return escaped;
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u' when _index + 4 <= text.Length
                && ushort.TryParse(text.AsSpan(_index, 4), System.Globalization.NumberStyles.AllowHexSpecifier, null, out ushort unit):
                Take(4);
                return (char)unit;
            default:
                throw Error($"'\\{escaped}' is no escape.", "Write \\\\ for a backslash.");
        }
    }

    private void SkipComment()
    {
        while (!AtEnd && Current != '\n')
            Take();
    }
}
