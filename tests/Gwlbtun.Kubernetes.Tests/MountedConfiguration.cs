using Gwlbtun.Actors.CommandLine;
using Gwlbtun.Actors.Configuration;
using k8s.Models;
using Xunit;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>
/// A pod's ConfigMap laid out as the kubelet does (files are links into a folder that is replaced whole), in a folder that stands for the mount path, and
/// the program's own decision about it. The folder is gone after the test.
/// </summary>
internal sealed class MountedConfiguration : IDisposable
{
    private const string MountPath = "/etc/gwlbtun";

    private readonly string _folder = Directory.CreateTempSubdirectory("gwlbtun-config-").FullName;
    private readonly Deployment _deployment;

    public MountedConfiguration(Deployment deployment)
    {
        _deployment = deployment;
        (V1Volume volume, _) = deployment.At(MountPath) ?? throw new ArgumentException($"Nothing is mounted at {MountPath}.", nameof(deployment));
        Assert.Equal(deployment.Configuration.Metadata.Name, volume.ConfigMap.Name);
        string data = Directory.CreateDirectory(Path.Combine(_folder, "..2026")).FullName;
        Directory.CreateSymbolicLink(Path.Combine(_folder, "..data"), "..2026");
        foreach ((string name, string text) in deployment.Configuration.Data)
        {
            string file = Path.Combine(data, name);
            File.WriteAllText(file, InFolder(text));
            File.SetUnixFileMode(file, (UnixFileMode)volume.ConfigMap.DefaultMode!.Value);
            File.CreateSymbolicLink(Path.Combine(_folder, name), Path.Combine("..data", name));
        }
    }

    /// <summary>What the program does with the pod's arguments, environment and files.</summary>
    public StartupDecision Decide()
    {
        Dictionary<string, string> environment = (_deployment.Container.Env ?? []).ToDictionary(v => v.Name, v => v.Value);
        return Startup.Decide([.. _deployment.Container.Args.Select(InFolder)], environment, availableCores: [0, 1]);
    }

    /// <summary>The settings that it starts with.</summary>
    public GatewaySettings Settings()
    {
        StartupDecision decision = Decide();
        if (decision is StartupDecision.Exit exit)
            Assert.Fail($"{_deployment.Source}: {exit.Error}{exit.Output}");
        var run = (StartupDecision.Run)decision;
        Assert.Empty(run.Notices);
        return run.Settings;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string InFolder(string text) => text.Replace(MountPath, _folder, StringComparison.Ordinal);
}
