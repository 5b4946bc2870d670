using System.Text.RegularExpressions;
using Gwlbtun.Actors.Configuration.Hocon;

namespace Gwlbtun.Actors.Configuration;

/// <summary>Reads the <c>GWLBTUN_*</c> environment variables.</summary>
internal static partial class EnvironmentLayer
{
    private static readonly HashSet<string> _setForHooks =
    [
        "GWLBTUN_ACTION", "GWLBTUN_IN_INTERFACE", "GWLBTUN_OUT_INTERFACE", "GWLBTUN_ENI", "GWLBTUN_VPCE_ID", "GWLBTUN_NETNS", "GWLBTUN_MAIN_NETNS",
    ];

    /// <summary>Takes the variables that name a key; others of that prefix are errors unless somebody else is known to set them.</summary>
    public static ConfigurationLayer Read(IReadOnlyDictionary<string, string> environment, ICollection<ConfigurationError> errors)
    {
        Dictionary<string, SettingKey> keys = SettingKeys.All.ToDictionary(k => k.EnvironmentName, StringComparer.Ordinal);
        var layer = new ConfigurationLayer();
        foreach ((string name, string value) in environment.OrderBy(v => v.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith(SettingKey.EnvironmentPrefix, StringComparison.Ordinal) || IsOfKubernetes(name, value) || _setForHooks.Contains(name))
                continue;

            var origin = new SettingOrigin.EnvironmentVariable(name);
            if (keys.TryGetValue(name, out SettingKey? key))
                layer.Set(key, new HoconScalar(value, origin));
            else
                errors.Add(new ConfigurationError(null, origin, "there is no key of this name.", Spelling.Suggest(name, keys.Keys)));
        }

        return layer;
    }

    // A Service named gwlbtun or gwlbtun-x puts these into every pod of its namespace
    // (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables); of GWLBTUN_HEALTH_PORT
    // its value tells whether it is meant for us.
    private static bool IsOfKubernetes(string name, string value) => ServiceVariable().IsMatch(name) || ServiceAddress().IsMatch(value);

    [GeneratedRegex("_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceVariable();

    [GeneratedRegex("^(tcp|udp|sctp)://", RegexOptions.CultureInvariant)]
    private static partial Regex ServiceAddress();
}
