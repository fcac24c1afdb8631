namespace Rollup.Groth16.Tests;

/// <summary>
/// contracts/test/fixtures/FixtureVerifier.sol is what <see cref="SolidityVerifier"/> writes for a development key of small known
/// scalars, with which contracts/test/support/ForgedProof.sol makes proofs of any public inputs.
/// </summary>
public class VaultFixtureTests
{
    private const ulong Alpha = 3, Beta = 5, Delta = 7;
    private static readonly ulong[] Ic = [11, 13, 17, 19, 23];

    [Fact]
    public void Contract_fixture_is_what_is_generated_now()
    {
        var key = new VerifyingKey(
            G1Point.Generator * Fr.FromUInt64(Alpha),
            G2Point.Generator * Fr.FromUInt64(Beta),
            DevKeys.MarkGamma2,
            G2Point.Generator * Fr.FromUInt64(Delta),
            [.. Ic.Select(scalar => G1Point.Generator * Fr.FromUInt64(scalar))]);
        var path = Path.Combine(Toolchain.Root, "contracts/test/fixtures/FixtureVerifier.sol");
        if (Environment.GetEnvironmentVariable("UPDATE_FIXTURES") == "true")
            File.WriteAllText(path, SolidityVerifier.Write(key));

        Assert.True(
            SolidityVerifier.Write(key) == File.ReadAllText(path),
            $"{path} is stale: run `UPDATE_FIXTURES=true dotnet test tests/Rollup.Groth16.Tests --filter {nameof(VaultFixtureTests)}`.");
    }
}
