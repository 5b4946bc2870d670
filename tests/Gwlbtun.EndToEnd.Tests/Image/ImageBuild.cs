using System.Runtime.InteropServices;
using Gwlbtun.Shared;
using Xunit;

namespace Gwlbtun.EndToEnd.Tests.Image;

/// <summary>
/// Builds the stages of docker/Dockerfile step by step, as far as that goes without a container engine: Debian's packages stand for the base image and for
/// what dnf installs in it, and this machine's SDK for the SDK's image. Everything else is done as the Dockerfile says, with what .dockerignore lets through.
/// </summary>
public sealed class ImageBuild : IAsyncLifetime
{
    private readonly Dockerfile _file = Dockerfile.Read();
    private readonly DockerIgnore _ignored = new(Path.Combine(Repository.Root, $"{Dockerfile.Path}.dockerignore"));
    private readonly string _folder = Directory.CreateTempSubdirectory("gwlbtun-image-").FullName;

    /// <summary>What is built when no target is named.</summary>
    internal ImageStage Root { get; private set; } = null!;

    internal ImageStage NonRoot { get; private set; } = null!;

    /// <summary>What the stages stand on: the packages alone.</summary>
    internal string BaseRoot { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        // The one waits for disk and network while the other compiles.
        var tree = Task.Run(() => BaseTree.Make(Dockerfile.Packages(_file.Stage("root"))));
        Publish();
        BaseRoot = await tree;
        Root = Build(_file.Final, "root");
        NonRoot = Build(_file.Stage("nonroot"), "nonroot");
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    // What the stage "build" leaves in /app.
    private string Published => Path.Combine(_folder, "app");

    internal ImageStage Stage(string property) => property == nameof(Root) ? Root : NonRoot;

    /// <summary>Runs the stage "build" in a folder of its own, with the files of the repository that it copies and no others.</summary>
    private void Publish()
    {
        var stage = _file.Stage("build");
        var source = Directory.CreateDirectory(Path.Combine(_folder, "source")).FullName;
        foreach (var instruction in stage.Instructions)
        {
            if (instruction.Name == "COPY")
            {
                Copy(instruction.Words.SkipLast(1), Path.Combine(source, instruction.Words[^1]));
            }
            else if (instruction.Name == "RUN")
            {
                // As Docker calls them.
                var architecture = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? "arm64" : "amd64";
                var command = instruction.Arguments.Replace("-o /app", $"-o {Published}", StringComparison.Ordinal);
                Command.Run("env", "-C", source, $"TARGETARCH={architecture}", "VERSION=1.2.3", "sh", "-c", command);
            }
        }
    }

    private ImageStage Build(Stage stage, string name)
    {
        var image = new ImageStage { Root = Path.Combine(_folder, name) };
        Command.Run("cp", "-a", BaseRoot, image.Root);
        return _file.All(stage).Aggregate(image, Apply);
    }

    private ImageStage Apply(ImageStage image, Instruction instruction)
    {
        switch (instruction.Name)
        {
            case "WORKDIR":
                Directory.CreateDirectory(image.Root + instruction.Arguments);
                return image with { WorkingDirectory = instruction.Arguments };
            case "COPY":
                var destination = Path.Combine(image.Root + image.WorkingDirectory, instruction.Words[^1]);
                if (instruction.Flags.ContainsKey("from"))
                    Command.Run("cp", "-a", $"{Published}/.", destination);
                else
                    Copy(instruction.Words.SkipLast(1), destination);
                return image;
            case "RUN" when !Dockerfile.IsInstallation(instruction):
                Command.Run("chroot", image.Root, "sh", "-c", $"cd {image.WorkingDirectory} && {instruction.Arguments}");
                return image;
            case "ENV":
                return image with { Environment = image.Environment.Concat(instruction.Pairs).ToDictionary() };
            case "USER":
                var numbers = instruction.Arguments.Split(':');
                return image with { User = int.Parse(numbers[0]), Group = int.Parse(numbers[1]) };
            case "ENTRYPOINT":
                return image with { Entrypoint = instruction.Exec };
            case "CMD":
                return image with { Command = instruction.Exec };
            case "HEALTHCHECK":
                return image with { HealthCheck = instruction.Exec };
            case "RUN" or "ARG" or "LABEL" or "EXPOSE" or "STOPSIGNAL":
                return image;
            default:
                throw new NotSupportedException($"What does {instruction} do to an image?");
        }
    }

    /// <summary>COPY from the repository: a folder's content, or a file by its name.</summary>
    private void Copy(IEnumerable<string> sources, string destination)
    {
        foreach (var source in sources)
        {
            var path = Path.GetFullPath(source, Repository.Root);
            var files = Directory.Exists(path) ? Directory.GetFiles(path, "*", SearchOption.AllDirectories) : [path];
            foreach (var file in files.Where(file => !_ignored.Ignores(Path.GetRelativePath(Repository.Root, file))))
            {
                var target = Path.Combine(destination, Directory.Exists(path) ? Path.GetRelativePath(path, file) : Path.GetFileName(file));
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                File.Copy(file, target, overwrite: true);
            }
        }
    }
}
