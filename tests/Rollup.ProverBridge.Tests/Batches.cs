using Rollup.Engine;
using Rollup.Protocol;
using Rollup.TestSupport;

namespace Rollup.ProverBridge.Tests;

/// <summary>Sealed batches of the dev profile.</summary>
internal static class Batches
{
    public static BatchFactory Factory(Fr domain) => new(CircuitProfile.Dev) { Domain = domain };

    /// <summary>Batch 1: accounts 2 and 3 register.</summary>
    public static SealedBatch Registration(Fr domain) => Factory(domain).Begin().Register(2, cash: 5_000_000_000).Register(3, cash: 4_000_000_001).Seal();
}
