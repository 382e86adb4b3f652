package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringplan/ringplan/pkg/manifest"
	"github.com/ringplan/ringplan/pkg/system"
	"github.com/ringplan/ringplan/pkg/topology"
)

// What is bound to whom, in every cluster.
const (
	accessName = "ringplan"
	rbacGroup  = "rbac.authorization.k8s.io"
)

type accessFlags struct {
	region                   string
	exec, releases, removals bool
	subjects                 []string
}

func newAccess(a *app) *cobra.Command {
	var f accessFlags
	cmd := &cobra.Command{
		Use:   "access [TOPOLOGY | FOLDER]...",
		Short: "Print the Roles that --live needs, and no more",
		Long: `access prints, for each region, the Role that "gate", "advance", "adopt" and
"status" need with --live, and its RoleBinding. It allows to list what the gates
look at in the namespace of the region, and nothing else.

--exec lets nodetool be run in the pods of Cassandra, and in no other. --removals
allows to list the pods of all namespaces, in a ClusterRole: the gates of a region
that leaves want that. --releases is for "diff --live", which reads the records of
Helm's releases: that cannot be parted from all other Secrets of the namespace.

--subject says who may: system:serviceaccount:NAMESPACE:NAME, user:NAME or
group:NAME; without it, the service account ringplan of the region's namespace.
The account itself is made elsewhere.`,
		Example: "  ringplan access --region us-east1 --exec | kubectl --context gke-us-east1 apply -f -\n  ringplan access --subject group:platform-team",
		Args:    cobra.ArbitraryArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.access(cmd.Context(), args, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.region, "region", "", "print what one region needs only")
	flags.BoolVar(&f.exec, "exec", false, "with what --exec needs: nodetool in the pods of Cassandra")
	flags.BoolVar(&f.removals, "removals", false, "with what a region needs that leaves: the pods of all namespaces")
	flags.BoolVar(&f.releases, "releases", false, "with what diff --live needs: all Secrets of the namespace")
	flags.StringArrayVar(&f.subjects, "subject", nil, "who may: system:serviceaccount:NAMESPACE:NAME, user:NAME or group:NAME (repeatable)")
	_ = cmd.RegisterFlagCompletionFunc("region", completeRegion(a))
	return cmd
}

func (a *app) access(ctx context.Context, args []string, f accessFlags) error {
	subjects, err := f.bindsTo()
	if err != nil {
		return err
	}
	rings, err := a.usable(ctx, args)
	if err != nil {
		return err
	}
	if err := (diffFlags{region: f.region}).fit(rings); err != nil {
		return err
	}
	var docs []*manifest.Map
	for _, r := range rings {
		for i := range r.Spec.Regions {
			if region := &r.Spec.Regions[i]; f.region == "" || region.Name == f.region {
				docs = append(docs, f.documents(r, region, subjects)...)
			}
		}
	}
	texts, err := manifest.Encode([]manifest.File{{Path: "access", Docs: docs}})
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(texts[0])
	return err
}

// bindsTo reads who may; nobody, if that is left to the namespace.
func (f *accessFlags) bindsTo() ([]any, error) {
	var subjects []any
	for _, text := range f.subjects {
		kind, name, _ := strings.Cut(text, ":")
		parts := strings.Split(name, ":")
		switch {
		case kind == "system" && len(parts) == 3 && parts[0] == "serviceaccount" && parts[1] != "" && parts[2] != "":
			subjects = append(subjects, serviceAccount(parts[1], parts[2]))
		case kind == "user" && name != "":
			subjects = append(subjects, manifest.NewMap("kind", "User", "name", name, "apiGroup", rbacGroup))
		case kind == "group" && name != "":
			subjects = append(subjects, manifest.NewMap("kind", "Group", "name", name, "apiGroup", rbacGroup))
		default:
			return nil, usage("--subject wants system:serviceaccount:NAMESPACE:NAME, user:NAME or group:NAME, not %q", text)
		}
	}
	return subjects, nil
}

func serviceAccount(namespace, name string) *manifest.Map {
	return manifest.NewMap("kind", "ServiceAccount", "name", name, "namespace", namespace)
}

// documents returns the roles for a region, each with its binding.
func (f *accessFlags) documents(r *ring, region *topology.Region, subjects []any) []*manifest.Map {
	if len(subjects) == 0 {
		subjects = []any{serviceAccount(r.Spec.Namespace, accessName)}
	}
	own, all := f.rules(&r.system.Live, region)
	docs := granted("Role", accessName, r.Spec.Namespace, own, subjects)
	if len(all) > 0 { // another topology may share the cluster
		docs = append(docs, granted("ClusterRole", accessName+"-"+r.Spec.Namespace, "", all, subjects)...)
	}
	where := "of cluster " + region.Kubernetes.Cluster
	if region.Kubernetes.Context != "" {
		where += ", context " + region.Kubernetes.Context
	}
	docs[0].Comment("apiVersion", fmt.Sprintf("Region %s of %s, in namespace %s %s.", region.Name, r.Metadata.Name, r.Spec.Namespace, where))
	return docs
}

// granted returns a role and its binding.
func granted(kind, name, namespace string, rules []rule, subjects []any) []*manifest.Map {
	list := make([]any, len(rules))
	for i, rule := range rules {
		list[i] = manifest.NewMap("apiGroups", []string{rule.group}, "resources", []string{rule.resource}).
			SetNonZero("resourceNames", rule.names).Set("verbs", rule.verbs)
	}
	metadata := func() *manifest.Map {
		return manifest.NewMap("name", name).SetNonZero("namespace", namespace)
	}
	return []*manifest.Map{
		manifest.NewMap("apiVersion", rbacGroup+"/v1", "kind", kind, "metadata", metadata(), "rules", list),
		manifest.NewMap("apiVersion", rbacGroup+"/v1", "kind", kind+"Binding", "metadata", metadata(),
			"roleRef", manifest.NewMap("apiGroup", rbacGroup, "kind", kind, "name", name), "subjects", subjects),
	}
}

// A rule allows something, as RBAC does.
type rule struct {
	group, resource string
	names, verbs    []string
}

// rules returns what is read of a region: in its namespace, and in all. They
// follow from what the gates want, so that they allow what is asked and no more.
func (f *accessFlags) rules(l *system.Live, region *topology.Region) (own, all []rule) {
	for _, gate := range l.Wants {
		for _, want := range slices.Concat(gate...) {
			run := l.Run(want.Run)
			switch {
			case want.Run != "" && f.exec && run != nil:
				// A WebSocket begins with a get, and what is older, or newer, wants
				// to create.
				own = allow(own, rule{"", "pods/exec", podsOf(run, region), []string{"create", "get"}})
			case want.Run != "":
			case !want.All:
				own = allow(own, ruleOf(l, want.APIVersion, want.Kind, "list"))
			case f.removals:
				all = allow(all, ruleOf(l, want.APIVersion, want.Kind, "list"))
			}
		}
	}
	if f.releases {
		own = allow(own, rule{"", "secrets", nil, []string{"get", "list"}})
		own = allow(own, ruleOf(l, l.APIVersion, l.Kind, "get"))
		for _, p := range l.Passing {
			own = allow(own, ruleOf(l, p.APIVersion, p.Kind, "get", "list"))
		}
	}
	return own, all
}

// ruleOf allows something for the objects of a kind.
func ruleOf(l *system.Live, apiVersion, kind string, verbs ...string) rule {
	group, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group = ""
	}
	return rule{group, l.Resources[kind], nil, verbs}
}

// allow adds a rule to others, which stay in order; of one resource there is one
// rule.
func allow(rules []rule, r rule) []rule {
	i, found := slices.BinarySearchFunc(rules, r, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.resource, b.resource))
	})
	if !found {
		return slices.Insert(rules, i, r)
	}
	for _, verb := range r.verbs {
		if !slices.Contains(rules[i].verbs, verb) {
			rules[i].verbs = slices.Sorted(slices.Values(append(rules[i].verbs, verb)))
		}
	}
	return rules
}
