using Rollup.StateVerifier.Commands;

return await CommandLine.RunAsync(args, Console.Out, Console.Error, !Console.IsErrorRedirected);
