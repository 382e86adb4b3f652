package apigee

import (
	"slices"
	"strings"

	"github.com/ringplan/ringplan/pkg/observe"
	"github.com/ringplan/ringplan/pkg/stage"
)

// The pods of an environment, and those of the organization besides; their
// names and their label app start like that. INF for those of the
// organization: the charts' templates name them.
var (
	environmentPods  = []string{"apigee-runtime", "apigee-synchronizer"}
	organizationPods = []string{"apigee-mart", "apigee-watcher", "apigee-connect-agent", "apigee-udca", "apigee-mint-task-scheduler", "apigee-ingressgateway"}
)

// Pods that stay when the organization leaves though their names start like
// one of its own, and the only ones that stay to the last.
const (
	ingressManagerPod = "apigee-ingressgateway-manager"
	operatorPod       = "apigee-controller-manager"
	anyPod            = "apigee-"
)

func (j *judge) noEnvironment() stage.Result {
	return j.noPod("of an environment", func(name string) bool { return starts(name, environmentPods) })
}

func (j *judge) noOrganization() stage.Result {
	return j.noPod("of an environment or the organization", func(name string) bool {
		return starts(name, environmentPods) || starts(name, organizationPods) && !strings.HasPrefix(name, ingressManagerPod)
	})
}

func (j *judge) onlyOperator() stage.Result {
	return j.noPod("other than the operator's", func(name string) bool {
		return strings.HasPrefix(name, anyPod) && !strings.HasPrefix(name, operatorPod)
	})
}

func starts(name string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
}

// noPod wants a list of the region's pods without any of a kind that still
// runs. Only a list of all namespaces tells that something is not there: one
// of a namespace that is empty, or of one label, tells nothing.
func (j *judge) noPod(what string, matches func(name string) bool) stage.Result {
	list, reason := j.podList()
	if list == nil {
		return unknown("%s", reason)
	}
	var left []string
	for _, o := range list {
		ended := o.Pod.Phase.Is("Succeeded") || o.Pod.Phase.Is("Failed")
		if o.Namespace != j.want.Namespace {
			continue
		}
		j.use(o)
		if !ended && matches(podApp(&o)) {
			left = append(left, o.Name)
		}
	}
	if len(left) > 0 {
		return waiting("%d of the listed pods %s still run in namespace %s, the first is %s", len(left), what, j.want.Namespace, left[0])
	}
	return met("%s lists the pods of %d namespaces, and in %s none %s", list[0].Source, namespaces(list), j.want.Namespace, what)
}

// podApp returns what tells a pod's component: its name, or the label app if
// the name does not start as Apigee's do.
func podApp(o *observe.Observation) string {
	if strings.HasPrefix(o.Name, anyPod) {
		return o.Name
	}
	return o.Pod.Labels["app"]
}

func namespaces(list observe.Set) int {
	seen := map[string]bool{}
	for _, o := range list {
		seen[o.Namespace] = true
	}
	return len(seen)
}

// podList returns the newest list of pods, if it was taken in the phase, shows
// all namespaces, and is of the region's cluster.
func (j *judge) podList() (observe.Set, string) {
	const advice = ": give the whole output of kubectl get pods -A -o json"
	var listed observe.Set
	for _, o := range j.Seen.Pods() {
		if o.List != "" {
			listed = append(listed, o)
		}
	}
	newest, reason := j.newest(listed)
	if newest == nil {
		return nil, reason + advice
	}
	list := slices.DeleteFunc(listed, func(o observe.Observation) bool {
		return o.List != newest.List || !o.Taken.Equal(newest.Taken)
	})
	own := false
	seen := map[string]bool{}
	for _, o := range list {
		if !seen[o.Namespace] {
			seen[o.Namespace] = true
			j.use(o)
		}
		if !own && firstIn(j.want.Networks, o.Pod.IPs) != "" {
			own = true
			j.use(o)
		}
	}
	switch {
	case len(seen) < 2:
		return nil, "the list of pods shows namespace " + list[0].Namespace + " only" + advice
	case !slices.ContainsFunc(list, j.isOperator):
		return nil, "the list shows no pod " + operatorPod + " in namespace " + j.want.Namespace + ", which leaves last" + advice + "; if nothing was ever installed there, `ringplan advance --procedure purge` asks the survivors only"
	case !own:
		return nil, "no listed pod has an address in the networks of the region (" + strings.Join(j.want.Networks, ", ") + "): is the list of another cluster?"
	}
	return list, ""
}

// newest returns the newest of some pods, or why none can be used. Of several
// lists of one time, none is the newest.
func (j *judge) newest(pods observe.Set) (*observe.Observation, string) {
	if len(pods) == 0 {
		return nil, "no list of pods among the observations"
	}
	newest := newestOf(pods)
	for i := range pods {
		if pods[i].Taken.Equal(newest.Taken) && pods[i].List != newest.List {
			return nil, "two lists of pods were taken at one time"
		}
	}
	_, reason := j.pick("list of pods", observe.Set{*newest})
	if reason != "" {
		return nil, reason
	}
	return newest, ""
}

func (j *judge) isOperator(o observe.Observation) bool {
	return o.Namespace == j.want.Namespace && strings.HasPrefix(o.Name, operatorPod)
}
