// The Lua in which Argo CD runs its health checks, as scripts/tools.sh builds it.
module spike.ist/e2e/lua

go 1.25.5

tool github.com/yuin/gopher-lua/cmd/glua

require (
	github.com/chzyer/readline v0.0.0-20180603132655-2972be24d48e // indirect
	github.com/yuin/gopher-lua v1.1.2 // indirect
	golang.org/x/sys v0.0.0-20190204203706-41f3e6584952 // indirect
)
