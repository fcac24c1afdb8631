using Rollup.Bench;

ISection[] sections = [new CryptoSection(), new RiskSection(), new EngineSection(), new PricingSection(), new IntakeSection(), new HostSection(), new LiveSection(), new Groth16Section(), new ProofSection(), new ProverSection("prover", "dev", "demo"), new ProverSection("prover-standard", "standard")];

ISection[] chosen = args.Length == 0 ? sections : [.. sections.Where(section => args.Contains(section.Name))];
string[] unknown = [.. args.Where(name => !sections.Any(section => section.Name == name))];
if (unknown.Length > 0)
{
    Console.Error.WriteLine($"Unknown section '{unknown[0]}'. Sections: {string.Join(", ", sections.Select(section => section.Name))}; none means all.");
    return 2;
}

var table = new Table();
foreach (ISection section in chosen)
{
    table.Begin(section);
    section.Run(table);
}

table.Print(Console.Out);
return 0;
