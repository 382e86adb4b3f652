package main

import (
	"fmt"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
)

// fleetRules hold between the topologies of one run.
var fleetRules = []lint.Rule{
	{
		Code: "RP038", Name: "phase-unreachable", Severity: diag.Error,
		Summary: "The phases of the regions do not go together.",
		Why:     "Two regions that move the ring at once, or a source that does not serve yet, can lose data.",
		Fix:     "Finish one region before the next; `ringplan plan` shows the order.",
		Source:  "[MR] one region at a time, from a healthy one",
	}, {
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

// lintFleet compares the topologies of one run with each other.
func lintFleet(rings []*ring) diag.List {
	var findings diag.List
	report := func(r *ring, code, path, format string, args ...any) {
		findings = append(findings, diag.Finding{Code: code, Severity: diag.Error, Pos: r.At(path), Path: path, Message: fmt.Sprintf(format, args...)})
	}
	names, namespaces := map[string]*ring{}, map[string]*ring{}
	for _, r := range rings {
		if other := names[r.Metadata.Name]; other != nil {
			report(r, "RP110", "metadata.name", "%s and %s are both named %s", other.file, r.file, r.Metadata.Name)
		}
		names[r.Metadata.Name] = r
		for i := range r.Spec.Regions {
			region := &r.Spec.Regions[i]
			k := region.Kubernetes
			id := fmt.Sprintf("%s\x00%s\x00%s\x00%s", region.Platform, k.Region, k.Cluster, r.Spec.Namespace)
			if other := namespaces[id]; other != nil && other != r {
				report(r, "RP111", region.Path("kubernetes.cluster"), "%s uses namespace %s of cluster %s too", other.file, r.Spec.Namespace, k.Cluster)
			}
			namespaces[id] = r
		}
	}
	return findings
}
