using System.CommandLine;
using Rollup.Drills;

Drill[] all = [.. typeof(Drill).Assembly.GetTypes().Where(t => t.IsSubclassOf(typeof(Drill)) && !t.IsAbstract)
    .Select(t => (Drill)Activator.CreateInstance(t)!).OrderBy(d => d.Name, StringComparer.Ordinal)];

var list = new Command("list", "List the drills.");
list.SetAction(_ =>
{
    foreach (Drill drill in all) Console.WriteLine($"{drill.Name,-24} {drill.Shows}");
});
var names = new Argument<string[]>("names") { Description = "Drills to run; all without one.", Arity = ArgumentArity.ZeroOrMore };
names.AcceptOnlyFromAmong([.. all.Select(d => d.Name)]);
var keep = new Option<bool>("--keep") { Description = "Keep the working folder, also of a drill that passes." };
var run = new Command("run", "Run drills one after the other; exit code 0 if all pass.") { names, keep };
run.SetAction(async (parsed, cancellation) =>
{
    string[] wanted = parsed.GetValue(names) is { Length: > 0 } some ? some : [.. all.Select(d => d.Name)];
    return await DrillRun.RunAllAsync([.. all.Where(d => wanted.Contains(d.Name))], parsed.GetValue(keep), cancellation) ? 0 : 1;
});
return await new RootCommand("Plays what may go wrong against a running system: local chain, contracts, sequencer, prover, watcher, traders. Each drill ends with a verdict.") { list, run }
    .Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(60) });
