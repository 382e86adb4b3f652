package load

import (
	"context"
	"fmt"

	"cuelang.org/go/mod/modfile"
	"cuelang.org/go/mod/module"
)

// noRegistry refuses to fetch modules: a topology is the same on every
// machine, with or without a network.
type noRegistry struct{}

func refuse(what string) error {
	return fmt.Errorf("%s is not part of this module: topologies import packages of their own module only, nothing is fetched", what)
}

func (noRegistry) ModFile(_ context.Context, m module.Version) (*modfile.File, error) {
	return nil, refuse(m.String())
}

func (noRegistry) Fetch(_ context.Context, m module.Version) (module.SourceLoc, error) {
	return module.SourceLoc{}, refuse(m.String())
}

func (noRegistry) ModuleVersions(_ context.Context, path string) ([]string, error) {
	return nil, refuse(path)
}
