using Passthrough.Core.Ansible;
using Passthrough.Modules;

return await ModuleHost.RunAsync(Environment.GetCommandLineArgs(), ModuleTable.Modules).ConfigureAwait(false);
