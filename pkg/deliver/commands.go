package deliver

import (
	"slices"

	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Commands returns the commands of a stage where engines deliver: what they do is
// not done by hand, and in its place stands what there is to do with them. Where
// nothing is to be applied, nothing is to be done with them. With definitions, the
// engines bring these too.
func Commands(byHand, withEngines []system.Command, definitions bool) []system.Command {
	applies := func(c system.Command) bool { return c.Applies && (definitions || !c.Definitions) }
	last := len(byHand)
	for last > 0 && !applies(byHand[last-1]) {
		last--
	}
	if last == 0 {
		return byHand
	}
	early := slices.DeleteFunc(slices.Clone(byHand[:last]), applies)
	return slices.Concat(early, withEngines, byHand[last:])
}

// Remove returns the command by which a person removes what a release holds, out
// of a cluster to which manifests were applied without Helm.
func Remove(t *topology.Topology, r *topology.Region, rel system.Release) system.Command {
	return system.Command{
		Comment: "once it is synced: release " + rel.Name + " holds data, and is removed only when a person does it",
		Run:     system.Kubectl(r, append([]string{"-n", t.Spec.Namespace, "delete"}, rel.Holds...)...),
	}
}
