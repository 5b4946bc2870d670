using Gwlbtun.Actors.Configuration;
using Gwlbtun.Native.Forwarding;
using Gwlbtun.Native.Linux;
using Gwlbtun.Native.Wire;

namespace Gwlbtun.Actors.Lifecycle;

/// <summary>What a hook is told about: an endpoint and the devices that belong to it.</summary>
/// <param name="EniId">The endpoint.</param>
/// <param name="InInterface">The device that inner packets come out of: <c>gwi-X</c>.</param>
/// <param name="OutInterface">The device that takes them back: <c>gwo-X</c>, or <c>none</c> with return traffic off.</param>
/// <param name="Namespace">The network namespace that they are in, and that the hook runs in; null for the handler's own.</param>
public sealed record HookSubject(ulong EniId, string InInterface, string OutInterface, NamedNetworkNamespace? Namespace = null)
{
    /// <summary>Stands for the egress device where there is none.</summary>
    public const string NoInterface = "none";

    /// <summary>The subject for an endpoint, its devices named as every handler names them.</summary>
    public static HookSubject For(ulong eniId, bool returnTraffic) =>
        new(eniId, EniName.IngressDevice(eniId), returnTraffic ? EniName.EgressDevice(eniId) : NoInterface);

    /// <summary>The same, with the network namespace that the endpoint has at this moment.</summary>
    public static HookSubject For(EniGate gate, bool returnTraffic) => For(gate.EniId, returnTraffic) with { Namespace = gate.Namespace };

    /// <summary>The devices that there are, for people to read.</summary>
    internal string Devices => (OutInterface == NoInterface ? InInterface : $"{InInterface} {OutInterface}") + (Namespace is null ? "" : $" in {Namespace.Name}");

    /// <summary>The program to run and its arguments.</summary>
    public IReadOnlyList<string> ToArgv(HookCommand command, HookAction action) =>
        command.ToArgv(Word(action), InInterface, OutInterface, EniName.Hex17(EniId));

    /// <summary>What a hook is told beside its arguments: the same again as environment variables, and those that are configured.</summary>
    public IReadOnlyDictionary<string, string> Environment(HookAction action, IReadOnlyDictionary<string, string> configured)
    {
        var variables = new Dictionary<string, string>(configured)
        {
            ["GWLBTUN_ACTION"] = Word(action),
            ["GWLBTUN_IN_INTERFACE"] = InInterface,
            ["GWLBTUN_OUT_INTERFACE"] = OutInterface,
            ["GWLBTUN_ENI"] = EniName.Hex17(EniId),
            ["GWLBTUN_VPCE_ID"] = EniName.VpceId(EniId),
        };
        if (Namespace is not null)
        {
            variables["GWLBTUN_NETNS"] = Namespace.Name;
            variables["GWLBTUN_MAIN_NETNS"] = $"/proc/{System.Environment.ProcessId}/ns/net";
        }

        return variables;
    }

    internal static string Word(HookAction action) => action == HookAction.Create ? "CREATE" : "DESTROY";
}
