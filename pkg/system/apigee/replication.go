package apigee

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

const replicationName = "datareplication.yaml"

// organizationRef returns the name of the ApigeeOrganization resource, as the
// chart apigee-org computes it [C15]: the first 15 characters of the
// organization's name, and the first 7 of its SHA-256.
func organizationRef(organization string) string {
	sum := sha256.Sum256([]byte(organization))
	return organization[:min(15, len(organization))] + "-" + hex.EncodeToString(sum[:])[:7]
}

// replicationFile renders the CassandraDataReplication that makes the new
// datacenter copy its data from the source's. source.region is the name of
// the source's Cassandra datacenter, not of its region [MR]. A second attempt
// is made with force, because a rebuild that has run is not run again without
// it [KZ].
func (g *ring) replicationFile(r *topology.Region, at stage.Progress) manifest.File {
	source := g.sourceOf(r, at).Datacenter
	doc := manifest.NewMap(
		"apiVersion", apigeeV1,
		"kind", replicationKind,
		"metadata", manifest.NewMap("name", replicationObject(r), "namespace", g.Spec.Namespace),
		"spec", manifest.NewMap(
			"organizationRef", organizationRef(g.Organization.Name),
			"force", at.Retries > 0,
			"source", manifest.NewMap("region", source),
		),
	)
	return manifest.File{
		Path:   replicationName,
		Header: system.Generated + "\nRebuilds datacenter " + r.Datacenter + " from " + source + ". It leaves, with the seed host, once the rebuild has completed.",
		Docs:   []*manifest.Map{doc},
		Rule:   "replication",
	}
}

// sourceOf returns the region that another is built from: as it was when its
// procedure started, else as the topology says.
func (g *ring) sourceOf(r *topology.Region, at stage.Progress) *topology.Region {
	if source := g.Region(at.Source); source != nil {
		return source
	}
	return g.Region(r.ExpandFrom)
}

func replicationObject(r *topology.Region) string { return "expand-" + r.Name }
