namespace Gwlbtun.Actors.Configuration.Hocon;

/// <summary>
/// Parses HOCON (https://github.com/lightbend/config/blob/main/HOCON.md) into nodes with origins. Stricter than the
/// specification where leniency hides mistakes: keys with blanks need quotation marks and an included file must exist.
/// </summary>
internal sealed class HoconParser
{
    private const int MaximumDepth = 64;

    private readonly HoconScanner _scanner;
    private readonly HoconIncludes _includes;
    private int _depth;

    private HoconParser(string text, Func<int, SettingOrigin> originOfLine, HoconIncludes includes)
    {
        _scanner = new HoconScanner(text, originOfLine);
        _includes = includes;
    }

    /// <summary>Parses the file at <paramref name="path"/> and what it includes; substitutions are left in place.</summary>
    /// <exception cref="HoconException">It cannot be read, or is not HOCON.</exception>
    public static HoconObject ParseFile(string path, SettingOrigin namedBy) => HoconIncludes.None.Parse(path, namedBy, scope: "");

    /// <summary>Parses a text that includes nothing, such as the built-in defaults.</summary>
    public static HoconObject ParseText(string text, Func<int, SettingOrigin> originOfLine) => Parse(text, originOfLine, HoconIncludes.None);

    internal static HoconObject Parse(string text, Func<int, SettingOrigin> originOfLine, HoconIncludes includes) =>
        new HoconParser(text, originOfLine, includes).ParseDocument();

    private HoconObject ParseDocument()
    {
        _scanner.SkipLines();
        var root = new HoconObject(_scanner.Here);
        if (_scanner.Current == '{')
        {
            ParseBraces(root, scope: "");
            _scanner.SkipLines();
        }
        else
        {
            ParseMembers(root, scope: "");
        }

        return _scanner.AtEnd ? root : throw _scanner.Error($"'{_scanner.Current}' closes nothing that was opened.");
    }

    private void ParseBraces(HoconObject target, string scope)
    {
        SettingOrigin start = _scanner.Here;
        if (++_depth > MaximumDepth)
            throw _scanner.Error("objects and lists are nested too deeply.");
        _scanner.Take();
        ParseMembers(target, scope);
        if (!_scanner.TryTake("}"))
            throw new HoconException(_scanner.AtEnd ? "this '{' is never closed." : $"this '{{' is closed by '{_scanner.Current}'.", start);
        _depth--;
    }

    private void ParseMembers(HoconObject target, string scope)
    {
        while (true)
        {
            _scanner.SkipLines(commas: true);
            if (_scanner.AtEnd || _scanner.Current is '}' or ']')
                return;
            if (TryParseInclude(target, scope))
                continue;
            ParseMember(target, scope);
        }
    }

    private void ParseMember(HoconObject target, string scope)
    {
        SettingOrigin origin = _scanner.Here;
        string[] path = ParseKey();
        string inner = string.Join('.', path);
        if (scope.Length > 0)
            inner = $"{scope}.{inner}";
        _scanner.SkipBlanks();

        if (_scanner.Current == '{')
        {
            target.Assign(path, ParseValue(inner, origin));
        }
        else if (_scanner.TryTake("+="))
        {
            var addition = new HoconList([ParseAssigned(inner, origin)], origin);
            var earlier = new HoconSubstitution(inner, _includes.Scope, IsOptional: true, origin);
            target.Assign(path, new HoconConcatenation([earlier, addition], origin));
        }
        else if (_scanner.TryTake("=") || _scanner.TryTake(":"))
        {
            target.Assign(path, ParseAssigned(inner, origin));
        }
        else
        {
            throw _scanner.Error($"expected '=', ':' or '{{' after '{string.Join('.', path)}'.", "A key with blanks needs quotation marks.");
        }
    }

    private HoconNode ParseAssigned(string path, SettingOrigin origin)
    {
        // The value may begin on a later line.
        _scanner.SkipLines();
        return _scanner.AtEndOfValue
            ? throw new HoconException($"'{path}' has no value.", origin, "Write \"\" for an empty one.")
            : ParseValue(path, _scanner.Here);
    }

    private string[] ParseKey()
    {
        var segments = new List<string>();
        do
        {
            if (_scanner.Current == '"')
                segments.Add(_scanner.TakeQuoted());
            else if (ParseKeyText() is { Length: > 0 } segment)
                segments.Add(segment);
            else
                throw _scanner.Error($"expected a key, found '{_scanner.Current}'.");
        }
        while (_scanner.TryTake("."));
        return [.. segments];
    }

    private string ParseKeyText() => _scanner.AtText ? _scanner.TakeWhile(c => c != '.' && _scanner.AtText) : "";

    private HoconNode ParseValue(string path, SettingOrigin origin)
    {
        var parts = new List<HoconNode>();
        string blanks = "";
        while (!_scanner.AtEndOfValue)
        {
            HoconNode part = ParsePart(path);
            if (blanks.Length > 0 && parts.Count > 0)
                parts.Add(new HoconScalar(blanks, origin));
            parts.Add(part);
            blanks = _scanner.SkipBlanks();
        }

        return parts.Count == 1 ? parts[0] : new HoconConcatenation(parts, origin);
    }

    private HoconNode ParsePart(string path)
    {
        SettingOrigin origin = _scanner.Here;
        switch (_scanner.Current)
        {
            case '"':
                return new HoconScalar(_scanner.TakeQuoted(), origin);
            case '{':
                var child = new HoconObject(origin);
                ParseBraces(child, path);
                return child;
            case '[':
                return ParseList(path);
            case '$':
                return ParseSubstitution();
            default:
                string text = _scanner.TakeText();
                if (text.Length == 0)
                    throw _scanner.Error($"'{_scanner.Current}' cannot stand in a value of '{path}' without quotation marks.", "Put the whole value into \"...\".");
                return new HoconScalar(text, origin, IsNull: text == "null");
        }
    }

    private HoconList ParseList(string path)
    {
        SettingOrigin start = _scanner.Here;
        if (++_depth > MaximumDepth)
            throw _scanner.Error("objects and lists are nested too deeply.");
        var items = new List<HoconNode>();
        _scanner.Take();
        while (true)
        {
            _scanner.SkipLines(commas: true);
            if (_scanner.TryTake("]"))
                break;
            if (_scanner.AtEndOfValue)
                throw new HoconException("this '[' is never closed.", start);
            items.Add(ParseValue(path, _scanner.Here));
        }

        _depth--;
        return new HoconList(items, start);
    }

    private HoconSubstitution ParseSubstitution()
    {
        SettingOrigin origin = _scanner.Here;
        if (!_scanner.TryTake("${"))
            throw _scanner.Error("'$' cannot stand in a value without quotation marks.", "Put the whole value into \"...\".");
        bool optional = _scanner.TryTake("?");
        string path = _scanner.TakeWhile(c => c is not ('}' or '\n')).Trim();
        if (!_scanner.TryTake("}") || path.Length == 0)
            throw new HoconException("this '${' names no path, or is never closed.", origin);
        return new HoconSubstitution(path.Replace("\"", "", StringComparison.Ordinal), _includes.Scope, optional, origin);
    }

    private bool TryParseInclude(HoconObject target, string scope)
    {
        const string Include = "include";
        if (!_scanner.StartsWith(Include + " ") && !_scanner.StartsWith(Include + "\t"))
            return false;

        SettingOrigin origin = _scanner.Here;
        _scanner.Take(Include.Length);
        _scanner.SkipBlanks();
        int parentheses = 0;
        while (_scanner.TryTake("required(") || _scanner.TryTake("file("))
            parentheses++;
        if (_scanner.Current != '"')
            throw new HoconException("include needs a file name in quotation marks.", origin, "Write include \"FILE\".");
        string file = _scanner.TakeQuoted();
        for (; parentheses > 0; parentheses--)
        {
            if (!_scanner.TryTake(")"))
                throw _scanner.Error("expected ')' after the file to include.");
        }

        string absoluteScope = _includes.Scope.Length > 0 && scope.Length > 0 ? $"{_includes.Scope}.{scope}" : _includes.Scope + scope;
        foreach ((string key, HoconNode node) in _includes.Parse(file, origin, absoluteScope).Members)
            target.Assign([key], node);
        return true;
    }
}
