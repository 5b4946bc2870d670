using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xunit;

namespace Gwlbtun.Native.Tests.Linux;

/// <summary>Asks the C compiler what the system's headers say, and compares it with what the data plane says.</summary>
public sealed class KernelAbiSpecs(HeaderFacts facts) : IClassFixture<HeaderFacts>
{
    public static TheoryData<string, string> Constants => Pairs(KernelAbi.Constants);

    public static TheoryData<string, string> Room => Pairs(KernelAbi.Room);

    public static TheoryData<string, string, string> Structs
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            foreach ((string ours, string theirs, string fields) in KernelAbi.Structs)
                rows.Add(ours, theirs, fields);
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Constants))]
    public void Should_give_a_constant_the_headers_value(string ours, string theirs) =>
        Assert.Equal(facts.ValueOf(theirs), KernelAbi.ValueOf(ours));

    [Theory]
    [MemberData(nameof(Room))]
    public void Should_leave_room_for_what_the_C_library_keeps_to_itself(string ours, string theirs) =>
        Assert.InRange(facts.ValueOf(theirs), 1, KernelAbi.ValueOf(ours));

    [Theory]
    [MemberData(nameof(Structs))]
    public void Should_lay_a_struct_out_as_the_headers_do(string ours, string theirs, string fields)
    {
        Assert.Equal(facts.ValueOf($"sizeof({theirs})"), KernelAbi.SizeOf(ours));
        foreach ((string field, string member) in HeaderFacts.Members(fields))
        {
            Assert.True(
                facts.ValueOf(HeaderFacts.Offset(theirs, member)) == KernelAbi.OffsetOf(ours, field),
                $"{ours}.{field} is at {KernelAbi.OffsetOf(ours, field)}, {member} at {facts.ValueOf(HeaderFacts.Offset(theirs, member))}.");
        }

        Assert.Equal(KernelAbi.FieldsOf(ours), HeaderFacts.Members(fields).Select(pair => pair.Field));
    }

    [Fact]
    public void Should_name_errors_as_the_headers_do() =>
        Assert.All(KernelAbi.ErrorNames, error => Assert.Equal(facts.ValueOf(error.Name), error.Number));

    [Fact]
    public void Should_check_every_constant_that_is_not_our_own() =>
        Assert.Empty(KernelAbi.AllConstants.Except(KernelAbi.Constants.Select(row => row.Ours)).Except(KernelAbi.Room.Select(row => row.Ours)).Except(KernelAbi.OurOwn));

    [Fact]
    public void Should_check_every_struct_that_is_not_our_own() =>
        Assert.Empty(KernelAbi.AllStructs.Except(KernelAbi.Structs.Select(row => row.Ours)).Except(KernelAbi.OurOwn));

    [Fact]
    public void Should_list_nothing_as_our_own_that_is_gone() =>
        Assert.Empty(KernelAbi.OurOwn.Except(KernelAbi.AllConstants).Except(KernelAbi.AllStructs));

    private static TheoryData<string, string> Pairs((string Ours, string Theirs)[] rows)
    {
        var data = new TheoryData<string, string>();
        foreach ((string ours, string theirs) in rows)
            data.Add(ours, theirs);
        return data;
    }
}

/// <summary>The values of all C expressions in <see cref="KernelAbi"/>, by one program compiled against the system's headers.</summary>
public sealed class HeaderFacts : IAsyncLifetime
{
    private readonly Dictionary<string, long> _values = [];

    public long ValueOf(string expression) => _values[expression];

    internal static string Offset(string type, string member) => $"offsetof({type}, {member})";

    internal static IEnumerable<(string Field, string Member)> Members(string fields) =>
        fields.Split(' ').Select(pair => (pair.Split('=')[0], pair.Split('=')[1]));

    public async Task InitializeAsync()
    {
        string[] expressions =
        [
            .. KernelAbi.Constants.Concat(KernelAbi.Room).Select(row => row.Theirs),
            .. KernelAbi.ErrorNames.Select(error => error.Name),
            .. KernelAbi.Structs.Select(row => $"sizeof({row.Theirs})"),
            .. KernelAbi.Structs.SelectMany(row => Members(row.Fields).Select(pair => Offset(row.Theirs, pair.Member))),
        ];
        var program = new StringBuilder(KernelAbi.Headers).AppendLine().AppendLine("int main(void) {");
        foreach (string expression in expressions)
            program.AppendLine(CultureInfo.InvariantCulture, $"    printf(\"%lld\\n\", (long long)({expression}));");
        program.AppendLine("    return 0;").AppendLine("}");

        DirectoryInfo folder = Directory.CreateTempSubdirectory("gwlbtun-abi-");
        try
        {
            string source = Path.Combine(folder.FullName, "abi.c");
            string binary = Path.Combine(folder.FullName, "abi");
            await File.WriteAllTextAsync(source, program.ToString());
            await RunAsync(FindCompiler(), "-Wall", "-Werror", "-o", binary, source);
            string[] lines = (await RunAsync(binary)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            foreach ((string expression, string line) in expressions.Zip(lines))
                _values[expression] = long.Parse(line, CultureInfo.InvariantCulture);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public Task DisposeAsync() => Task.CompletedTask;

    private static string FindCompiler()
    {
        string[] folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':');
        string[] found = [.. from name in new[] { "cc", "gcc", "clang" } from folder in folders let path = Path.Combine(folder, name) where File.Exists(path) select path];
        return found.FirstOrDefault()
            ?? throw new InvalidOperationException("No C compiler (cc, gcc or clang) in PATH: install one with the C library's and the kernel's headers (Debian: gcc libc6-dev linux-libc-dev).");
    }

    private static async Task<string> RunAsync(string file, params string[] arguments)
    {
        var start = new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? await output : throw new InvalidOperationException($"{file} failed:\n{errors}");
    }
}
