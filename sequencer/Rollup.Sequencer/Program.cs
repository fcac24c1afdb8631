using System.CommandLine;
using Rollup.Sequencer.Commands;

return await SequencerCommands.Build().Parse(args).InvokeAsync();
