package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/load"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/regions"
	"github.com/ringplan/ringplan/schema"
)

type initFlags struct {
	system, platform, name string
	regions                int
	force, stdout          bool
}

const maxInitRegions = 10

// validName is what the schema wants of metadata.name.
var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func newInit(a *app) *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a commented topology to start from",
		Long: `init writes topology.yaml into a folder, the working folder unless said: a
topology of the chosen platform and number of regions that lints without errors,
with every name and range to be replaced by yours.`,
		Example: "  ringplan init\n  ringplan init prod --platform eks --regions 3",
		Args:    oneArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return a.init(cmd.Context(), dir, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.system, "system", systems[0].Name, "what is deployed")
	flags.StringVar(&f.platform, "platform", "gke", "where the regions run: gke, gke-onprem, aks, eks or openshift")
	flags.StringVar(&f.name, "name", "my-topology", "the topology's name")
	flags.IntVar(&f.regions, "regions", 2, "how many regions, 1 to 10")
	flags.BoolVar(&f.force, "force", false, "overwrite a topology that is there")
	flags.BoolVar(&f.stdout, "stdout", false, "print the topology instead of writing it")
	_ = cmd.RegisterFlagCompletionFunc("platform", cobra.FixedCompletions([]string{"gke", "gke-onprem", "aks", "eks", "openshift"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) init(ctx context.Context, dir string, f initFlags) error {
	a.changes = true
	text, err := newTopology(f)
	if err != nil {
		return err
	}
	if f.stdout {
		_, err := fmt.Fprint(a.stdout, text)
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	file := filepath.Join(dir, "topology.yaml")
	if err := writeNew(file, text, f.force); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%s written; replace the names and ranges in it, then run `ringplan lint`\n", filepath.ToSlash(file))
	return nil
}

// writeNew writes a topology into a folder that has none, or with force over
// one of the same name.
func writeNew(file, text string, force bool) error {
	dir := filepath.Dir(file)
	there, err := load.In(dir)
	if err != nil {
		return err
	}
	switch {
	case there != "" && there != file:
		return fmt.Errorf("%s is there already; a folder holds one topology", filepath.ToSlash(there))
	case there != "" && !force:
		return fmt.Errorf("%s is there already; --force overwrites it", filepath.ToSlash(there))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return replace(file, text)
}

// replace writes a file as a whole or not at all.
func replace(file, text string) error {
	f, err := os.CreateTemp(filepath.Dir(file), ".topology-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// newTopology writes the text of a topology whose regions have ranges that do
// not overlap.
func newTopology(f initFlags) (string, error) {
	var chosen *system.System
	for i := range systems {
		if systems[i].Name == f.system {
			chosen = &systems[i]
		}
	}
	if chosen == nil {
		return "", usage("--system: ringplan does not know %q", f.system)
	}
	if f.regions < 1 || f.regions > maxInitRegions {
		return "", usage("--regions: %d is not between 1 and %d", f.regions, maxInitRegions)
	}
	if !validName.MatchString(f.name) {
		return "", usage("--name: %q is no name of lower-case letters, digits and '-', at most 63 characters", f.name)
	}
	loader, err := load.New(schema.FS, regions.FS)
	if err != nil {
		return "", err
	}
	platform, ok := loader.Platforms()[f.platform]
	if !ok {
		return "", usage("--platform: %q is none of gke, gke-onprem, aks, eks and openshift", f.platform)
	}
	var b strings.Builder
	fmt.Fprintf(&b, initHead, f.name, f.system, chosen.Skeleton, platform.Title, platform.NetworkModel.Value)
	for i := range f.regions {
		b.WriteString(initRegion(f, i, platform.NetworkModel.Value == "island" && f.regions > 1))
	}
	return b.String(), nil
}

const initHead = `# A topology: one Cassandra ring and its regions. Replace the names and ranges
# by yours. ` + "`ringplan lint`" + ` checks it, ` + "`ringplan plan`" + ` shows the way to it, and
# ` + "`ringplan explain`" + ` tells the reason of every rule.
apiVersion: ringplan.dev/v1alpha1
kind: Topology
metadata:
  name: %s
spec:
  system: %s
  version: 1.16.0                    # also the version of the charts
  namespace: apigee                  # the same in every region
%s  # Defaults of %s come from ringplan: the network model (%s), storage class
  # and node labels. A region may say otherwise.
  regions:
`

// initRegion writes one region. Ranges follow from its number, so that those
// of different regions never overlap.
func initRegion(f initFlags, i int, hostNetwork bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `    - name: region-%[1]d
      platform: %[2]s
      kubernetes: {cluster: cluster-%[1]d, region: us-east%[1]d, context: cluster-%[1]d}
      datacenter: dc-%[1]d               # cannot be changed later
      rack: ra-1                     # cannot be changed later
      network:
        pods: [10.%[3]d.0.0/16]
        nodes: [10.%[1]d.0.0/20]
        services: [10.%[4]d.0.0/20]
`, i+1, f.platform, 100+i, 200+i)
	if i == 0 {
		return b.String()
	}
	seed := "10.100.0.11"
	if hostNetwork {
		seed = "10.1.0.11"
	}
	fmt.Fprintf(&b, `      expandFrom: region-1           # the region that the data comes from
      seedHost: %-20s # a Cassandra address of it; only needed while this one joins
`, seed)
	return b.String()
}
