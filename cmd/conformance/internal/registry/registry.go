// Package registry starts Debian's docker-registry, and keeps charts in it.
package registry

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
)

// config is that of the registry, given a folder and an address.
const config = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: %s}}
http: {addr: %s}
`

// Registry is a running registry without any protection.
type Registry struct{ host, helm, folder string }

// Start starts the registry, with its own files below the folder. It is filled with
// the program helm.
func Start(ctx context.Context, group *proc.Group, program, helm, folder string) (*Registry, error) {
	ports, err := proc.Ports(1)
	if err != nil {
		return nil, err
	}
	r := &Registry{host: fmt.Sprintf("127.0.0.1:%d", ports[0]), helm: helm, folder: filepath.Join(folder, "registry")}
	if err := os.MkdirAll(r.folder, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(r.folder, "config.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, filepath.Join(r.folder, "blobs"), r.host), 0o644); err != nil {
		return nil, err
	}
	process, err := group.Start(proc.Spec{Name: "docker-registry", Path: program, Args: []string{"serve", file}})
	if err != nil {
		return nil, err
	}
	return r, proc.Until(ctx, time.Minute, "the registry", func(ctx context.Context) error {
		if err := process.Ended(); err != nil {
			return err
		}
		return proc.Answers(ctx, "http://"+r.host+"/v2/")
	})
}

// Charts is where the charts are, without a scheme.
func (r *Registry) Charts() string { return r.host + "/charts" }

// Push packs every chart of a folder, and pushes it.
func (r *Registry) Push(ctx context.Context, charts string) error {
	found, err := filepath.Glob(filepath.Join(charts, "*", "Chart.yaml"))
	if err != nil {
		return err
	}
	packed := filepath.Join(r.folder, "packed")
	for _, each := range found {
		if err := r.run(ctx, "package", "--destination", packed, filepath.Dir(each)); err != nil {
			return err
		}
	}
	archives, err := filepath.Glob(filepath.Join(packed, "*.tgz"))
	if err != nil {
		return err
	}
	for _, each := range archives {
		if err := r.run(ctx, "push", "--plain-http", each, "oci://"+r.Charts()); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) run(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, r.helm, args...)
	command.Env = append(os.Environ(), "HOME="+r.folder)
	out, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("helm %s: %w\n%s", args[0], err, out)
	}
	return nil
}
