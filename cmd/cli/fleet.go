package cli

import (
	"fmt"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
)

// fleetRules hold between the topologies of one run.
var fleetRules = []lint.Rule{
	{
		Code: "RP110", Name: "duplicate-topology", Severity: diag.Error,
		Summary: "Two topologies of a fleet have the same name.",
		Why:     "The name tells rings apart, and is the folder of a ring's files where a fleet shares one.",
		Fix:     "Give each a metadata.name of its own.",
		Source:  "ringplan",
	}, {
		Code: "RP111", Name: "shared-namespace", Severity: diag.Error,
		Summary: "Two topologies of a fleet use one namespace of one cluster.",
		Why:     "Their releases have the same names, so each would replace the other's; and both rings would be one datastore.",
		Fix:     "Give one of them another namespace or cluster.",
		Source:  "[MR] release names must be unique; [C15] the datastore is always named default",
	},
}

// lintFleet compares the topologies of one run with each other, and adds what
// it finds to theirs.
func lintFleet(rings []*ring) {
	names, namespaces := map[string]*ring{}, map[string]*ring{}
	for _, r := range rings {
		if other := names[r.Metadata.Name]; other != nil {
			r.report("RP110", "metadata.name", "give each topology a name of its own", "%s and %s are both named %s", other.file, r.file, r.Metadata.Name)
		}
		names[r.Metadata.Name] = r
		for i := range r.Spec.Regions {
			region := &r.Spec.Regions[i]
			k := region.Kubernetes
			id := strings.Join([]string{region.Platform, k.Region, k.Cluster, k.Context, r.Spec.Namespace}, "\x00")
			if other := namespaces[id]; other != nil && other != r {
				r.report("RP111", region.Path("kubernetes.cluster"), "give one of them another namespace or cluster", "%s uses namespace %s of cluster %s too", other.file, r.Spec.Namespace, k.Cluster)
			}
			namespaces[id] = r
		}
	}
}

// report adds an error to what is known of a ring before its rules run.
func (r *ring) report(code, path, hint, format string, args ...any) {
	r.findings = append(r.findings, diag.Finding{
		Code: code, Severity: diag.Error, Pos: r.At(path), Path: path, Message: fmt.Sprintf(format, args...), Hint: hint,
	})
}
