package apigee

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/lint"
	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/stage"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// Limits of one organization [OPS].
const (
	maxRegions = 10
	maxPods    = 150
)

// rules returns the rules of Apigee hybrid. Their checks look at a compiled
// ring; without one, only their texts are of use.
func rules(compiled system.Ring) []lint.Rule {
	g, _ := compiled.(*ring)
	return slices.Concat(g.sizeRules(), g.nameRules(), g.setupRules(), g.valueRules(), g.deliveryRules())
}

func (g *ring) sizeRules() []lint.Rule {
	return []lint.Rule{
		{
			Code: "RP040", Name: "too-many-regions", Severity: diag.Error,
			Summary: "The organization spans more than 10 regions.",
			Why:     "Apigee supports at most 10 regions for one organization.",
			Fix:     "Use fewer regions, or a second organization.",
			Source:  "[OPS]",
			Check: func(p *lint.Pass) {
				if n := len(p.Spec.Regions); n > maxRegions {
					p.Report("spec.regions", "", "%d regions, but an organization spans at most %d", n, maxRegions)
				}
			},
		}, {
			Code: "RP041", Name: "too-many-pods", Severity: diag.Error,
			Summary: "The organization has more than 150 Cassandra pods.",
			Why:     "Apigee supports at most 150 Cassandra pods over all regions.",
			Fix:     "Use fewer replicas, or larger nodes.",
			Source:  "[OPS]",
			Check: func(p *lint.Pass) {
				pods := 0
				for i := range p.Spec.Regions {
					pods += p.Spec.Regions[i].Cassandra.Replicas
				}
				if pods > maxPods {
					p.Report("spec.regions", "", "%d Cassandra pods over all regions, but an organization has at most %d", pods, maxPods)
				}
			},
		}, {
			Code: "RP090", Name: "end-of-life", Severity: diag.Warning,
			Summary: "The hybrid version is not supported any more.",
			Why:     "It gets no security fixes, and upgrades go one minor version at a time.",
			Fix:     "Upgrade to the next minor version, and on from there, before anything else.",
			Source:  "[SUP] the documents list 1.14 to 1.17 as supported, 1.13 and before as not",
			Check:   g.checkVersion,
		}, {
			Code: "RP091", Name: "unknown-version", Severity: diag.Note,
			Summary: "ringplan does not know this hybrid version yet.",
			Why:     "Its properties may differ from those that are checked here.",
			Fix:     "Look for a newer ringplan, or check values against the version's reference.",
			Source:  "pkg/system/apigee/properties.yaml",
			Check: func(p *lint.Pass) {
				if g.line.atLeast(lastKnown.major, lastKnown.minor+1) {
					p.Report("spec.version", "", "Apigee hybrid %s is newer than %s, the newest that ringplan knows", g.line, lastKnown)
				}
			},
		},
	}
}

var (
	firstRendered  = line{1, 13} // before, the operator had a namespace of its own
	firstSupported = line{1, 14} // [SUP]
	lastKnown      = line{1, 17}
)

func (g *ring) checkVersion(p *lint.Pass) {
	switch {
	case !g.line.atLeast(firstRendered.major, firstRendered.minor):
		p.ReportAs(diag.Error, "spec.version", "", "Apigee hybrid %s is installed in another way than ringplan renders; %s is the oldest supported", g.line, firstSupported)
	case !g.line.atLeast(firstSupported.major, firstSupported.minor):
		p.Report("spec.version", "", "Apigee hybrid %s has reached its end of life; %s is the oldest supported", g.line, firstSupported)
	}
}

// Names that Apigee, Kubernetes and Helm accept.
var (
	instanceIDShape  = regexp.MustCompile(`^[A-Za-z0-9]{1,63}$`)
	gatewayShape     = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,15}[a-z0-9])?$`)
	environmentShape = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}[a-z0-9]$`)
	groupShape       = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

func (g *ring) nameRules() []lint.Rule {
	return []lint.Rule{
		{
			Code: "RP060", Name: "instance-id", Severity: diag.Error,
			Summary: "The instance ID has other characters than letters and digits, or more than 63.",
			Why:     "The charts refuse it.",
			Fix:     "Use letters and digits only.",
			Source:  "[CFG] instanceID",
			Check: func(p *lint.Pass) {
				if !instanceIDShape.MatchString(g.InstanceID) {
					p.Report("spec.instanceID", "use 1 to 63 letters and digits", "instance ID %q is not of letters and digits alone", g.InstanceID)
				}
			},
		}, {
			Code: "RP061", Name: "ingress-gateway", Severity: diag.Error,
			Summary: "An ingress gateway's name is not accepted, or a group names one that is not there.",
			Why:     "Longer names do not fit into the names that are made from it; a group without its gateway gets no traffic.",
			Fix:     "Use at most 17 lower-case letters, digits, '-' and '.', starting and ending with a letter or digit.",
			Source:  "[CFG] ingressGateways[].name",
			Check:   g.checkGateways,
		}, {
			Code: "RP062", Name: "release-name", Severity: diag.Error,
			Summary: "Two Helm releases of a region would have the same name.",
			Why:     "Helm takes the second for an upgrade of the first and replaces it.",
			Fix:     "Rename the organization, environment or group; those of one installation must differ.",
			Source:  "[MR] release names must be unique",
			Check:   g.checkReleaseNames,
		}, {
			Code: "RP063", Name: "apigee-name", Severity: diag.Error,
			Summary: "An environment or group has a name that is taken or not accepted.",
			Why:     "Apigee and Kubernetes refuse the resources that are named after it.",
			Fix:     "Environments have 2 to 32 lower-case letters, digits and '-', starting with a letter and not ending with '-'; each name is used once.",
			Source:  "[ENV]; [K8S] for groups",
			Check:   g.checkNames,
		},
	}
}

func (g *ring) checkGateways(p *lint.Pass) {
	known := map[string]bool{}
	for i, gateway := range g.IngressGateways {
		path := fmt.Sprintf("spec.ingressGateways[%d].name", i)
		if !gatewayShape.MatchString(gateway.Name) {
			p.Report(path, "use at most 17 lower-case letters, digits, '-' and '.'", "ingress gateway name %q is not accepted", gateway.Name)
		}
		if known[gateway.Name] {
			p.Report(path, "give each a name of its own", "two ingress gateways are named %s", gateway.Name)
		}
		known[gateway.Name] = true
	}
	for i, group := range g.EnvironmentGroups {
		if group.Gateway != "" && !known[group.Gateway] {
			p.Report(fmt.Sprintf("spec.environmentGroups[%d].gateway", i), "name one of spec.ingressGateways", "there is no ingress gateway %s", group.Gateway)
		}
	}
}

func (g *ring) checkReleaseNames(p *lint.Pass) {
	seen := map[string]string{}
	for _, rel := range g.releases() {
		if other, ok := seen[rel.name]; ok && other != rel.what() {
			p.Report("spec.organization.name", "", "charts %s and %s would both be released as %s", other, rel.what(), rel.name)
		}
		seen[rel.name] = rel.what()
	}
}

func (g *ring) checkNames(p *lint.Pass) {
	environments := map[string]bool{}
	for i, e := range g.Environments {
		path := fmt.Sprintf("spec.environments[%d].name", i)
		if !environmentShape.MatchString(e.Name) {
			p.Report(path, "use 2 to 32 lower-case letters, digits and '-'", "environment name %q is not accepted", e.Name)
		}
		if environments[e.Name] {
			p.Report(path, "", "environment %s is there twice", e.Name)
		}
		environments[e.Name] = true
	}
	groups := map[string]bool{}
	for i, group := range g.EnvironmentGroups {
		path := fmt.Sprintf("spec.environmentGroups[%d].name", i)
		if !groupShape.MatchString(group.Name) {
			p.Report(path, "use lower-case letters, digits and '-'", "environment group name %q is not accepted", group.Name)
		}
		if groups[group.Name] {
			p.Report(path, "", "environment group %s is there twice", group.Name)
		}
		groups[group.Name] = true
	}
}

func (g *ring) setupRules() []lint.Rule {
	return []lint.Rule{
		{
			Code: "RP070", Name: "scheduling-not-required", Severity: diag.Warning,
			Summary: "Pods may run outside their node pools.",
			Why:     "Cassandra then shares nodes with anything else, and may find none when it needs one.",
			Fix:     "Leave nodeSelector.requiredForScheduling at true.",
			Source:  "[OPS] production sets requiredForScheduling to true",
			Check: func(p *lint.Pass) {
				g.eachOverride("nodeSelector.requiredForScheduling", func(path string, value any, r *topology.Region) {
					if value == false {
						p.Report(path, "", "pods of %s may run outside their node pools", r.Name)
					}
				})
			},
		}, {
			Code: "RP080", Name: "no-backup", Severity: diag.Warning,
			Summary: "The ring is not backed up.",
			Why:     "From 1.14 on, a guardrail stops the next upgrade while backup is off; and nothing else brings data back that was deleted.",
			Fix:     "Set cassandra.backup to gcs, remote or csi.",
			Source:  "[GR] cassandra_backup_enabled",
			Check:   g.checkBackup,
		}, {
			Code: "RP081", Name: "csi-storage-class", Severity: diag.Warning,
			Summary: "CSI backup finds no storage class, or one that it cannot read.",
			Why:     "The snapshot template reads cassandra.storage.storageclass, in lower case only. Without it the chart asks the cluster, which an engine that only runs `helm template` cannot.",
			Fix:     "Set cassandra.storage.class in the topology; ringplan writes the spelling that is read.",
			Source:  "[C15] the CSI snapshot template",
			Check:   g.checkCSI,
		}, {
			Code: "RP082", Name: "default-passwords", Severity: diag.Warning,
			Summary: "Cassandra's users have the default password.",
			Why:     "The chart renders a Secret with a password that everyone can read in the documents.",
			Fix:     "Create a Secret with the users' passwords, and name it in cassandra.auth.secret.",
			Source:  "[C15] the default of cassandra.auth",
			Check:   g.checkAuth,
		}, {
			Code: "RP086", Name: "service-accounts", Severity: diag.Error,
			Summary: "The service accounts are given in two ways, or not for every environment.",
			Why:     "The charts take one way and ignore the other, or refuse to render.",
			Fix:     "Keep one of secrets, workloadIdentity, federated and vault; vault names a class for each environment.",
			Source:  "[CFG] gcp.workloadIdentity excludes gcp.federatedWorkloadIdentity; [C15]",
			Check:   g.checkAccounts,
		},
	}
}

// eachOverride visits the value in force of an overrides property in every
// region that has it, with the place in the topology that sets it.
func (g *ring) eachOverride(property string, visit func(path string, value any, r *topology.Region)) {
	keys := strings.Split(property, ".")
	ringWide := false
	for i := range g.Spec.Regions {
		r := &g.Spec.Regions[i]
		value, ok := g.overrides(r, stage.Progress{Phase: stage.Serving}).Lookup(keys...)
		if !ok {
			continue
		}
		path := r.Path("values." + property)
		if _, own := lookup(r.Values, keys); !own {
			if ringWide {
				continue // once is enough for what all regions share
			}
			ringWide = true
			path = "spec.values." + property
		}
		visit(path, value, r)
	}
}

func lookup(values topology.Values, keys []string) (any, bool) {
	m := manifest.NewMap()
	m.Merge(values)
	return m.Lookup(keys...)
}

func (g *ring) checkBackup(p *lint.Pass) {
	if !g.line.atLeast(1, 14) {
		return
	}
	g.eachOverride("cassandra.backup.enabled", func(path string, value any, r *topology.Region) {
		if value != true {
			p.Report(path, "remove it", "backup is switched off here for %s: the next upgrade will be stopped", r.Name)
		}
	})
	for i := range g.Spec.Regions {
		r := &g.Spec.Regions[i]
		if _, ok := g.overrides(r, stage.Progress{Phase: stage.Serving}).Lookup("cassandra", "backup", "enabled"); ok {
			continue
		}
		if _, own := lookup(r.Values, []string{"cassandra", "backup"}); own && !g.Spec.Cassandra.Backup.None() {
			p.Report(r.Path("values.cassandra.backup"), "remove it", "backup is taken away here from %s: the next upgrade will be stopped", r.Name)
			continue
		}
		p.Report("spec.cassandra", "set cassandra.backup to gcs, remote or csi", "the ring is not backed up: the next upgrade will be stopped")
		return
	}
}

func (g *ring) checkCSI(p *lint.Pass) {
	for i := range g.Spec.Regions {
		r := &g.Spec.Regions[i]
		provider, _ := g.overrides(r, stage.Progress{Phase: stage.Serving}).Lookup("cassandra", "backup", "cloudProvider")
		if provider == "CSI" && r.Cassandra.Storage.Class == "" {
			p.Report(r.Path("cassandra"), "set cassandra.storage.class", "CSI backup of %s has no storage class to snapshot", r.Name)
		}
	}
	g.eachValue(func(path, property string, _ any) {
		if g.Spec.Cassandra.Backup.CSI != nil && strings.EqualFold(property, "cassandra.storage.storageclass") {
			p.ReportAs(diag.Error, path, "use cassandra.storage.class of the topology", "CSI snapshots read one spelling of the storage class only, so it must not be set under values")
		}
	})
}

func (g *ring) checkAuth(p *lint.Pass) {
	auth := g.Spec.Cassandra.Auth
	if auth.Secret != "" || auth.SecretProviderClass != "" {
		return
	}
	p.Report("spec.cassandra", "name a Secret in cassandra.auth.secret", "cassandra.auth names no Secret, so the chart creates one with the default password")
}

func (g *ring) checkAccounts(p *lint.Pass) {
	if methods := g.ServiceAccounts.methods(); len(methods) > 1 {
		p.Report("spec.serviceAccounts", "keep one", "serviceAccounts has %s", strings.Join(methods, " and "))
	}
	vault := g.ServiceAccounts.Vault
	if vault == nil {
		return
	}
	const path = "spec.serviceAccounts.vault.environments"
	known := map[string]bool{}
	for _, e := range g.Environments {
		known[e.Name] = true
		if vault.Environments[e.Name] == "" {
			p.Report(path, "add it", "environment %s has no SecretProviderClass", e.Name)
		}
	}
	for name := range vault.Environments {
		if !known[name] {
			p.Report(topology.JoinPath(path, name), "name one of spec.environments", "there is no environment %s", name)
		}
	}
	if gcs := g.Spec.Cassandra.Backup.GCS; gcs != nil && gcs.Secret == "" {
		p.Report("spec.cassandra.backup.gcs", "name a Secret with its key in backup.gcs.secret", "backup to Cloud Storage has no service account: vault serves the other components only")
	}
}
