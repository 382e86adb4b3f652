// Package cli is the command line of ringplan: one file for each verb.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/ringplan/ringplan/pkg/release"
)

// Main runs the program that the arguments of the process ask for, and returns
// its exit code. The libraries are nil in the program that does without.
func Main(libraries *release.Libraries) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, libraries, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	return code
}

// run is the whole program but for the process around it. It returns the exit
// code.
func run(ctx context.Context, libraries *release.Libraries, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		// The runtime would exit with the code that means differences.
		if problem := recover(); problem != nil {
			fmt.Fprintf(stderr, "ringplan: a defect of ringplan, please report it: %v\n\n%s", problem, debug.Stack())
			code = exitFailed
		}
	}()
	a := &app{stdout: stdout, stderr: stderr, libraries: libraries}
	if err := sameVersion(); err != nil {
		return a.exitCode(err)
	}
	cmd := newRoot(a)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	return a.exitCode(cmd.ExecuteContext(ctx))
}
