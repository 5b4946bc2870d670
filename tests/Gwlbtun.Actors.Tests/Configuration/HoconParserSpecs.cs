using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class HoconParserSpecs
{
    private static readonly Dictionary<string, string> _environment = new() { ["HOME"] = "/root" };

    [Theory]
    [InlineData("a = 1", "a = 1")]
    [InlineData("{ a : 1 }", "a = 1")]
    [InlineData("a=1,b=2", "a = 1; b = 2")]
    [InlineData("a { b = 1 }", "a { b = 1 }")]
    [InlineData("a.b.c = 1", "a { b { c = 1 } }")]
    [InlineData("a.\"b.c\" = 1", "a { \"b.c\" = 1 }")]
    [InlineData("a { b = 1 }\na { c = 2 }", "a { b = 1; c = 2 }")]
    [InlineData("a { b = 1 }\na.b = 2", "a { b = 2 }")]
    [InlineData("a { b = 1 }\na = 2", "a = 2")]
    [InlineData("a = { b = 1 } { c = 2 }", "a { b = 1; c = 2 }")]
    [InlineData("# x\na = 1 // y\n// z\nb = 2 # w", "a = 1; b = 2")]
    [InlineData("a = 128 MiB", "a = 128 MiB")]
    [InlineData("a =   x  y   ", "a = x  y")]
    [InlineData("a =\n  5", "a = 5")]
    [InlineData("a = \"x y\" z", "a = x y z")]
    [InlineData("a = \"q\\\"\\\\\\n\\u0041\"", "a = \"q\\\"\\\\\\nA\"")]
    [InlineData("a = \"\"\"x \"y\" \\z\"\"\"", "a = \"x \\\"y\\\" \\\\z\"")]
    [InlineData("a = [1, 2\n 3, [4]]", "a = [1, 2, 3, [4]]")]
    [InlineData("a = []", "a = []")]
    [InlineData("a = [1] [2]", "a = [1, 2]")]
    [InlineData("a = [1]\na += 2\na += 3", "a = [1, 2, 3]")]
    [InlineData("a += 1", "a = [1]")]
    [InlineData("a = null", "a = null")]
    [InlineData("\uFEFFa = 1\r\nb = 2\r\n", "a = 1; b = 2")]
    [InlineData("", "")]
    [InlineData("a = ${b}\nb = 2", "a = 2; b = 2")]
    [InlineData("b = 2\na = x${b}y", "b = 2; a = x2y")]
    [InlineData("a = ${b.c}\nb { c = [1, 2] }", "a = [1, 2]; b { c = [1, 2] }")]
    [InlineData("a = ${b} { y = 2 }\nb { x = 1 }", "a { x = 1; y = 2 }; b { x = 1 }")]
    [InlineData("b { x = 1 }\na = ${b}\na { y = 2 }", "b { x = 1 }; a { x = 1; y = 2 }")]
    [InlineData("a = 1\na = ${?nowhere}", "a = 1")]
    [InlineData("a = ${?nowhere}", "")]
    [InlineData("a = 1\na = ${a}2\na = ${a}3", "a = 123")]
    [InlineData("a = ${HOME}", "a = /root")]
    [InlineData("a = ${?HOME}/x", "a = /root/x")]
    [InlineData("a = ${default}", "a = built-in")]
    [InlineData("default = ${default}2", "default = built-in2")]
    [InlineData("default = 1\na = ${default}", "default = 1; a = 1")]
    public void Should_read_what_hocon_allows(string text, string expected) => Assert.Equal(expected, Flat(Resolve(text)));

    [Theory]
    [InlineData("a { b = 1", 1, "never closed")]
    [InlineData("a = 1\n}\nb = 2", 2, "closes nothing")]
    [InlineData("a = 1\n]", 2, "closes nothing")]
    [InlineData("a {\n b = 1 ]\n", 1, "closed by ']'")]
    [InlineData("a = \"x\nb = 2", 1, "no closing quotation mark")]
    [InlineData("x = 1\na = \"\"\"x\nb = 2", 2, "has no end")]
    [InlineData("a = [1,\n2", 1, "never closed")]
    [InlineData("x = 1\n\na 5", 3, "expected '=', ':' or '{' after 'a'")]
    [InlineData("a", 1, "expected '=', ':' or '{' after 'a'")]
    [InlineData("= 5", 1, "expected a key")]
    [InlineData("a = ", 1, "'a' has no value")]
    [InlineData("a = }", 1, "'a' has no value")]
    [InlineData("s {\n b =\n}", 2, "'s.b' has no value")]
    [InlineData("a = X=1 ./hook.sh", 1, "'=' cannot stand")]
    [InlineData("a = http://x", 1, "':' cannot stand")]
    [InlineData("a = 5 $ 6", 1, "'$' cannot stand")]
    [InlineData("a = ${b", 1, "never closed")]
    [InlineData("a = ${}", 1, "names no path")]
    [InlineData("a = \"\\q\"", 1, "no escape")]
    [InlineData("a = ${b}", 1, "${b} leads nowhere")]
    [InlineData("x = 1\na = ${b}\nb = ${a}", 3, "leads nowhere, or to itself")]
    [InlineData("a = ${a}", 1, "leads nowhere, or to itself")]
    [InlineData("a { b = ${a} }", 1, "leads nowhere, or to itself")]
    [InlineData("a = 5 { b = 1 }", 1, "cannot be joined")]
    [InlineData("include x", 1, "needs a file name")]
    [InlineData("include \"/nonexistent/file\"", 1, "cannot read /nonexistent/file")]
    public void Should_say_what_is_wrong_and_on_which_line(string text, int line, string message)
    {
        var e = Assert.Throws<HoconException>(() => Resolve(text));

        Assert.Contains(message, e.Message, StringComparison.Ordinal);
        Assert.Equal(new SettingOrigin.File("test", line), e.Origin);
    }

    [Fact]
    public void Should_refuse_nesting_without_end() =>
        Assert.Throws<HoconException>(() => Resolve(string.Concat(Enumerable.Repeat("a { ", 100_000))));

    [Fact]
    public void Should_remember_the_line_of_every_value()
    {
        HoconObject root = Resolve("\na {\n  b = 1\n  c = [\n2]\n}\na.d = ${a.b}\n");

        var a = (HoconObject)root.Members["a"];
        Assert.Equal(new SettingOrigin.File("test", 3), a.Members["b"].Origin);
        Assert.Equal(new SettingOrigin.File("test", 4), a.Members["c"].Origin);
        Assert.Equal(new SettingOrigin.File("test", 7), a.Members["d"].Origin);
    }

    [Fact]
    public void Should_include_files_relative_to_the_one_that_includes_them()
    {
        using var files = new TemporaryFiles();
        Directory.CreateDirectory(Path.Combine(files.Directory, "sub"));
        string main = files.Write("main.conf", "x = 1\na { include \"sub/one.conf\" }\ninclude required(file(\"sub/two.conf\"))\n");
        string one = files.Write("sub/one.conf", "b = ${c}\nc = 2\nd = ${x}\n");
        files.Write("sub/two.conf", "include \"three.conf\"\n");
        files.Write("sub/three.conf", "e = 5");

        HoconObject root = new HoconResolver(HoconParser.ParseFile(main, SettingOrigin.BuiltIn.Instance), null, _environment).Resolve();

        Assert.Equal("x = 1; a { b = 2; c = 2; d = 1 }; e = 5", Flat(root));
        Assert.Equal(new SettingOrigin.File(one, 2), ((HoconObject)root.Members["a"]).Members["c"].Origin);
    }

    [Fact]
    public void Should_refuse_a_file_that_includes_itself()
    {
        using var files = new TemporaryFiles();
        string main = files.Write("main.conf", "include \"other.conf\"");
        string other = files.Write("other.conf", "\ninclude \"main.conf\"");

        var e = Assert.Throws<HoconException>(() => HoconParser.ParseFile(main, SettingOrigin.BuiltIn.Instance));

        Assert.Contains("includes itself", e.Message, StringComparison.Ordinal);
        Assert.Equal(new SettingOrigin.File(other, 2), e.Origin);
    }

    private static HoconObject Resolve(string text)
    {
        HoconObject defaults = HoconParser.ParseText("default = built-in", _ => SettingOrigin.BuiltIn.Instance);
        HoconObject document = HoconParser.ParseText(text, line => new SettingOrigin.File("test", line));
        return new HoconResolver(document, defaults, _environment).Resolve();
    }

    private static string Flat(HoconObject node) =>
        string.Join("; ", node.Members.Select(m => m.Value is HoconObject o
            ? $"{HoconWriter.WriteKey(m.Key)} {{ {Flat(o)} }}"
            : $"{HoconWriter.WriteKey(m.Key)} = {HoconWriter.WriteValue(m.Value)}"));
}
