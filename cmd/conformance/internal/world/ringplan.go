package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Exit codes of ringplan.
const (
	Fine     = 0
	Findings = 3
	Closed   = 4
)

// Ringplan runs ringplan in the clone, which must end with the exit code, and
// returns what it printed.
func (w *World) Ringplan(ctx context.Context, code int, args ...string) (string, error) {
	got, out, err := w.try(ctx, args...)
	if err != nil {
		return out, err
	}
	if got != code {
		return out, fmt.Errorf("ringplan %s: exit code %d, not %d:\n%s", strings.Join(args, " "), got, code, out)
	}
	return out, nil
}

func (w *World) try(ctx context.Context, args ...string) (int, string, error) {
	command := exec.CommandContext(ctx, filepath.Join(w.Programs.Ringplan, "ringplan"), args...)
	command.Dir = w.Repo.Work
	command.Env = append(os.Environ(), "KUBECONFIG="+w.Kubeconfig(), "NO_COLOR=1")
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), out.String(), nil
	}
	return 0, out.String(), err
}

// Step takes a region a step on, which must end with the exit code. What it waits
// for is read from the clusters; nodetool alone comes in a file, because there is
// nothing that it could be run in.
func (w *World) Step(ctx context.Context, code int, region string, more ...string) (string, error) {
	ring := filepath.Join(w.Folder, "ring.txt")
	if err := os.WriteFile(ring, []byte(w.Ring.Status()), 0o644); err != nil {
		return "", err
	}
	args := []string{"advance", region}
	if w.Ring.Status() != "" {
		args = append(args, "--live", "--timeout", "5s", "-f", ring)
	}
	return w.Ringplan(ctx, code, append(args, more...)...)
}
