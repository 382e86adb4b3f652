package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/diag"
	"github.com/ringplan/ringplan/pkg/topology"
)

var nodeRules = []Rule{
	{
		Code: "RP042", Name: "replicas-not-multiple-of-3", Severity: diag.Error,
		Summary: "The number of Cassandra replicas is not a multiple of 3.",
		Why:     "Each datacenter holds 3 copies of the data; with fewer nodes there are fewer copies, and nodes are added and removed by threes.",
		Fix:     "Use 3, 6, 9, …; a trial may say metadata.labels.tier: dev, which makes this a warning.",
		Source:  "[CFG] replicaCount is a multiple of 3 in production; [OPS]",
		Check:   checkReplicas,
	}, {
		Code: "RP071", Name: "foreign-node-label", Severity: diag.Error,
		Summary: "The node label of one platform is used on another.",
		Why:     "No node has the label, and scheduling requires it: every pod stays Pending.",
		Fix:     "Remove nodeSelector to use the platform's default, or use a label that your nodes have.",
		Source:  "[C15] the charts' default is GKE's label",
		Check:   checkNodeLabels,
	}, {
		Code: "RP072", Name: "foreign-storage-class", Severity: diag.Warning,
		Summary: "A storage class of one platform is used on another.",
		Why:     "Unless someone has created a class of that name, the volume claims stay Pending; and the class cannot be changed later.",
		Fix:     "Remove storage.class to use the platform's default, or name a class of the cluster.",
		Source:  "regions/; [CFG] cassandra.storage.storageclass",
		Check:   checkStorageClass,
	}, {
		Code: "RP073", Name: "taint-not-tolerated", Severity: diag.Error,
		Summary: "The nodes for Cassandra are tainted, and its pods do not tolerate it.",
		Why:     "The pods stay Pending.",
		Fix:     "Add a toleration with the taint's key, value and effect to cassandra.tolerations.",
		Source:  "[OPS] taints and tolerations; [K8S]",
		Check:   checkTolerations,
	}, {
		Code: "RP074", Name: "toleration-case", Severity: diag.Error,
		Summary: "A toleration names a taint in other upper and lower case.",
		Why:     "Kubernetes compares keys letter by letter, so the taint is not tolerated and the pods stay Pending.",
		Fix:     "Write the key and value as the taint does.",
		Source:  "[K8S] taints and tolerations",
		Check:   checkTolerationCase,
	},
}

func checkReplicas(p *Pass) {
	severity := diag.Error
	if p.Dev() {
		severity = diag.Warning
	}
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		if r.Cassandra.Replicas%3 != 0 {
			p.ReportAs(severity, r.Path("cassandra.replicas"), "use 3, 6, 9, …", "datacenter %s has a number of replicas that is no multiple of 3: %d", r.Datacenter, r.Cassandra.Replicas)
		}
	}
}

func checkNodeLabels(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		for field, label := range map[string]topology.NodeLabel{
			"cassandra.nodeSelector": r.Cassandra.NodeSelector,
			"runtime.nodeSelector":   r.Runtime.NodeSelector,
		} {
			owner := labelOwner(label.Key)
			if owner != "" && owner != r.Platform {
				p.Report(r.Path(field), "on "+r.Platform+" the default is "+p.Platforms[r.Platform].DataPool.Value.Key,
					"label %s exists only on %s, but %s runs on %s", label.Key, owner, r.Name, r.Platform)
			}
		}
	}
}

// labelOwner returns the platform that sets a node label by itself, or "".
func labelOwner(key string) string {
	switch {
	case key == "cloud.google.com/gke-nodepool":
		return "gke"
	case key == "agentpool", strings.HasPrefix(key, "kubernetes.azure.com/"):
		return "aks"
	case strings.HasPrefix(key, "eks.amazonaws.com/"):
		return "eks"
	}
	return ""
}

func checkStorageClass(p *Pass) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		class := r.Cassandra.Storage.Class
		if class == "" || slices.Contains(p.Platforms[r.Platform].StorageClasses.Value, class) {
			continue
		}
		for _, name := range []string{"gke", "gke-onprem", "aks", "eks", "openshift"} {
			if slices.Contains(p.Platforms[name].StorageClasses.Value, class) {
				p.Report(r.Path("cassandra.storage.class"), "", "storage class %s belongs to %s, but %s runs on %s", class, name, r.Name, r.Platform)
				break
			}
		}
	}
}

func checkTolerations(p *Pass) {
	forEachTaint(p, func(r *topology.Region, taint topology.Taint) {
		exact, folded := tolerated(r.Cassandra.Tolerations, taint)
		if !exact && folded < 0 {
			p.Report(r.Path("cassandra.taints"), "add a toleration of its key, value and effect to cassandra.tolerations", "Cassandra does not tolerate taint %s of its nodes in %s", taintText(taint), r.Name)
		}
	})
}

func checkTolerationCase(p *Pass) {
	forEachTaint(p, func(r *topology.Region, taint topology.Taint) {
		exact, folded := tolerated(r.Cassandra.Tolerations, taint)
		if !exact && folded >= 0 {
			p.Report(fmt.Sprintf("%s[%d]", r.Path("cassandra.tolerations"), folded), "write it as the taint does: "+taintText(taint),
				"the toleration of %s in %s differs from taint %s in case", r.Cassandra.Tolerations[folded].Key, r.Name, taintText(taint))
		}
	})
}

// forEachTaint visits the taints that keep pods away.
func forEachTaint(p *Pass, visit func(*topology.Region, topology.Taint)) {
	for i := range p.Spec.Regions {
		r := &p.Spec.Regions[i]
		for _, taint := range r.Cassandra.Taints {
			if taint.Effect != "PreferNoSchedule" {
				visit(r, taint)
			}
		}
	}
}

// tolerated reports whether a toleration matches a taint as Kubernetes does,
// and the index of one that would if case did not count, or -1.
func tolerated(list []topology.Toleration, taint topology.Taint) (exact bool, folded int) {
	folded = -1
	for i, t := range list {
		if tolerates(t, taint, func(a, b string) bool { return a == b }) {
			return true, -1
		}
		if tolerates(t, taint, strings.EqualFold) {
			folded = i
		}
	}
	return false, folded
}

func tolerates(t topology.Toleration, taint topology.Taint, equal func(a, b string) bool) bool {
	if t.Effect != "" && t.Effect != taint.Effect {
		return false
	}
	if t.Operator == "Exists" {
		return t.Key == "" || equal(t.Key, taint.Key)
	}
	return equal(t.Key, taint.Key) && equal(t.Value, taint.Value)
}

func taintText(t topology.Taint) string { return t.Key + "=" + t.Value + ":" + t.Effect }
