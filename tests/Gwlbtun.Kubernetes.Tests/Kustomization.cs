using Gwlbtun.Shared;

namespace Gwlbtun.Kubernetes.Tests;

/// <summary>A folder with a kustomization.yaml, built by kubectl itself.</summary>
internal static class Kustomization
{
    /// <summary>What would be applied, as YAML. It takes a kubectl of 1.21 or later: before, a kustomization could not name a folder as a resource.</summary>
    /// <exception cref="InvalidOperationException">kubectl refused it: with what it said.</exception>
    public static string Build(string folder) => Command.Run("kubectl", "kustomize", folder);

    /// <summary>A copy of k8s/ to change and build. It is gone after the test.</summary>
    public sealed class Copy : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("gwlbtun-k8s-").FullName;

        public Copy() => CopyFolder(new DirectoryInfo(Repository.PathOf("k8s")), _folder);

        public string Build(string kustomization) => Kustomization.Build(Path.Combine(_folder, kustomization));

        public void Replace(string file, string old, string @new)
        {
            string path = Path.Combine(_folder, file);
            string text = File.ReadAllText(path);
            if (!text.Contains(old, StringComparison.Ordinal))
                throw new ArgumentException($"{file} does not contain '{old}'.", nameof(old));
            File.WriteAllText(path, text.Replace(old, @new, StringComparison.Ordinal));
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        private static void CopyFolder(DirectoryInfo from, string to)
        {
            Directory.CreateDirectory(to);
            foreach (FileInfo file in from.GetFiles())
                file.CopyTo(Path.Combine(to, file.Name));
            foreach (DirectoryInfo folder in from.GetDirectories())
                CopyFolder(folder, Path.Combine(to, folder.Name));
        }
    }
}
