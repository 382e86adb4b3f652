// Command ringplan plans data layers that span datacenters: it compiles a
// topology into per-datacenter Helm overrides, release plans and manifests,
// and stages every change that must wait for the ring.
package main

import (
	"os"

	"github.com/ringplan/ringplan/cmd/cli"
)

func main() { os.Exit(cli.Main(nil)) }
