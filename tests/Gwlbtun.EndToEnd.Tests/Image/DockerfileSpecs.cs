using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>The rules that docker/Dockerfile keeps to.</summary>
public sealed class DockerfileSpecs
{
    private static readonly Dockerfile _file = Dockerfile.Read();

    /// <summary>The stages that become images.</summary>
    private static IEnumerable<Stage> Images => _file.Stages.Where(stage => stage.Name != "build");

    private static IEnumerable<Instruction> All => _file.Stages.SelectMany(stage => stage.Instructions);

    [Fact]
    public void Should_name_the_release_of_every_base_image()
    {
        var bases = _file.Stages.Select(stage => stage.Origin).Except(_file.Stages.Select(stage => stage.Name)).ToArray();
        Assert.NotEmpty(bases);
        Assert.All(bases, image => Assert.Matches(@":\d+(\.\d+)*$", image));
    }

    [Fact]
    public void Should_end_in_an_image_of_Amazon_Linux_2023_without_the_SDK() =>
        Assert.All(Images, image => Assert.True(image.Origin is "public.ecr.aws/amazonlinux/amazonlinux:2023" or "root", image.Origin));

    [Theory]
    // As the packages are called in Amazon Linux 2023.
    [InlineData("iproute"), InlineData("iproute-tc"), InlineData("iptables-nft"), InlineData("nftables"), InlineData("tcpdump"), InlineData("iputils")]
    [InlineData("procps-ng"), InlineData("ethtool"), InlineData("jq")]
    public void Should_install_what_hooks_and_operators_need(string package) =>
        Assert.Contains(package, Images.SelectMany(Dockerfile.Packages));

    [Fact]
    public void Should_install_packages_in_alphabetical_order_without_questions_and_leave_no_cache()
    {
        var command = Assert.Single(Images.SelectMany(stage => stage.Instructions), Dockerfile.IsInstallation).Arguments;
        var packages = Images.SelectMany(Dockerfile.Packages).ToArray();
        Assert.Equal(packages.Order(StringComparer.Ordinal), packages);
        Assert.Contains(" -y ", command, StringComparison.Ordinal);
        Assert.Contains("install_weak_deps=False", command, StringComparison.Ordinal);
        Assert.Contains("&& dnf clean all", command, StringComparison.Ordinal);
    }

    [Fact]
    public void Should_copy_only_what_is_there_and_not_ignored()
    {
        var ignored = new DockerIgnore(Path.Combine(Repository.Root, $"{Dockerfile.Path}.dockerignore"));
        foreach (var source in All.Where(copy => copy.Name == "COPY" && !copy.Flags.ContainsKey("from")).SelectMany(copy => copy.Words.SkipLast(1)))
        {
            Assert.True(Path.Exists(Repository.PathOf(source)), $"{source} is not in the repository");
            Assert.False(ignored.Ignores(source.TrimEnd('/')), $"{source} is kept out by .dockerignore");
        }
        Assert.True(ignored.Ignores("tests/Gwlbtun.Emulator/Program.cs"));
        Assert.True(ignored.Ignores("src/Gwlbtun.Actors/obj/project.assets.json"));
    }

    [Fact]
    public void Should_copy_from_stages_that_come_before()
    {
        foreach (var (index, stage) in _file.Stages.Index())
        {
            var earlier = _file.Stages.Take(index).Select(before => before.Name).ToArray();
            var sources = stage.Instructions.Where(copy => copy.Name == "COPY" && copy.Flags.ContainsKey("from")).Select(copy => copy.Flags["from"]);
            Assert.All(sources, source => Assert.Contains(source, earlier));
        }
    }

    [Fact]
    public void Should_not_add_what_it_can_copy() => Assert.DoesNotContain(All, instruction => instruction.Name == "ADD");

    [Fact]
    public void Should_work_in_absolute_folders() =>
        Assert.All(All.Where(instruction => instruction.Name == "WORKDIR"), workdir => Assert.StartsWith("/", workdir.Arguments, StringComparison.Ordinal));

    [Fact]
    public void Should_start_as_the_handler_that_it_takes_the_place_of()
    {
        Assert.Equal(["./gwlbtun"], _file.Last(_file.Final, "ENTRYPOINT").Exec);
        Assert.Equal(["-c", "./create-route.sh", "-p", "8060"], _file.Last(_file.Final, "CMD").Exec);
        Assert.Equal("SIGTERM", _file.Last(_file.Final, "STOPSIGNAL").Arguments);
    }

    [Fact]
    public void Should_run_as_root_unless_the_other_stage_is_asked_for()
    {
        Assert.DoesNotContain(_file.All(_file.Final), instruction => instruction.Name == "USER");
        // Kubernetes' runAsNonRoot takes a number only.
        Assert.Matches("^[1-9][0-9]*:[1-9][0-9]*$", _file.Last(_file.Stage("nonroot"), "USER").Arguments);
    }

    [Theory]
    [InlineData("title"), InlineData("description"), InlineData("licenses"), InlineData("version"), InlineData("revision"), InlineData("source"), InlineData("created")]
    public void Should_bear_the_annotations_of_the_OCI_image_specification(string name) =>
        Assert.Contains($"org.opencontainers.image.{name}", _file.Last(_file.Final, "LABEL").Pairs.Select(label => label.Key));
}
