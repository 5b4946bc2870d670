using Akka.Configuration;
using CsCheck;
using Gwlbtun.Actors.Configuration;
using Gwlbtun.Actors.Configuration.Hocon;
using Xunit;

namespace Gwlbtun.Actors.Tests.Configuration;

public class HoconWriterSpecs
{
    private static readonly Gen<string> _texts = Gen.String[Gen.Char["aZ09 .-_/\"\\\n\t{}[]=:,#$é\u0001"], 0, 20];

    [Fact]
    public void Should_write_any_text_so_that_it_is_read_again() => _texts.Sample(text =>
        Read($"k = {HoconWriter.WriteText(text)}").Members["k"] is HoconScalar { IsNull: false } scalar && scalar.Text == text);

    [Fact]
    public void Should_write_any_key_so_that_it_is_read_again() => _texts.Where(t => t.Length > 0).Sample(key =>
        Read($"{HoconWriter.WriteKey(key)} = 1").Members.ContainsKey(key));

    // Akka trims what it has read.
    [Fact]
    public void Should_write_text_that_akka_reads_alike() => _texts.Where(t => t.Trim().Length > 0).Sample(text =>
        ConfigurationFactory.ParseString($"k = {HoconWriter.WriteText(text)}\nend = 1").GetString("k") == text.Trim());

    private static HoconObject Read(string text) =>
        new HoconResolver(HoconParser.ParseText(text, _ => SettingOrigin.BuiltIn.Instance), null, Decide.NoEnvironment).Resolve();
}
