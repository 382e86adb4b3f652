// Command conformance plays scenarios with the real engines: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/klog/v2"

	"github.com/ringplan/ringplan/cmd/conformance/internal/parts"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/story"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// options are the flags.
type options struct {
	cache, crds, root, only, keep, part string
	list                                bool
	parallel                            int
	limit                               time.Duration
}

func main() {
	klog.SetLogger(logr.Discard()) // libraries tell of every retry
	ctx, cancel := proc.Interrupted()
	code := run(ctx, os.Args[1:])
	cancel()
	os.Exit(code)
}

// The exit codes.
const (
	fine  = 0
	wrong = 1
	usage = 64
)

func run(ctx context.Context, args []string) int {
	o, err := parse(args)
	if err != nil {
		return usage
	}
	scenarios, err := chosen(o.only)
	if err != nil {
		return fail(err)
	}
	if o.list {
		for _, each := range scenarios {
			fmt.Println(each.Title())
		}
		return fine
	}
	if o.part != "" {
		return part(ctx, o)
	}
	if proc.Inside() {
		return inside(ctx, o, story.Journeys(scenarios))
	}
	return outside(ctx, o, args)
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "conformance:", err)
	return wrong
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("conformance", flag.ContinueOnError)
	flags.StringVar(&o.cache, "cache", os.Getenv("RINGPLAN_CONFORMANCE_CACHE"), "the `folder` of programs that were built; that of the user unless said")
	flags.StringVar(&o.crds, "crds", os.Getenv("RINGPLAN_CRDS_DIR"), "a `folder` of real definitions, with the folders apigee, argocd and flux")
	flags.StringVar(&o.root, "root", "", "the `folder` of the ringplan module; that of the working folder unless said")
	flags.StringVar(&o.only, "only", "", "play the scenarios whose name this `expression` matches")
	flags.StringVar(&o.keep, "keep", "", "keep logs and repositories in this new `folder`")
	flags.StringVar(&o.part, "part", "", "build the `program` of that name, print its path, and play nothing")
	flags.BoolVar(&o.list, "list", false, "list the scenarios")
	flags.IntVar(&o.parallel, "parallel", 4, "how many engines are played with at once")
	flags.DurationVar(&o.limit, "limit", 15*time.Minute, "how long one engine may take")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.cache == "" {
		folder, err := os.UserCacheDir()
		if err != nil {
			return o, err
		}
		o.cache = filepath.Join(folder, "ringplan-conformance")
	}
	return o, nil
}

// chosen are the scenarios whose title the expression matches.
func chosen(expression string) ([]story.Scenario, error) {
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	var scenarios []story.Scenario
	for _, each := range story.All() {
		if pattern.MatchString(each.Title()) {
			scenarios = append(scenarios, each)
		}
	}
	if len(scenarios) == 0 {
		return nil, fmt.Errorf("no scenario matches %q; -list lists them", expression)
	}
	return scenarios, nil
}

// say writes a line of progress.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}

// outside builds what is needed, which may need a network, and starts this program
// again where there is none.
func outside(ctx context.Context, o options, args []string) int {
	if o.crds == "" {
		say("skipped: every scenario needs real definitions, and -crds does not name a folder of them")
		return fine
	}
	folder, err := scratch(o.keep)
	if err != nil {
		return fail(err)
	}
	if o.keep == "" {
		defer func() { _ = os.RemoveAll(folder) }()
	}
	programs, err := prepare(ctx, o, folder)
	if err != nil {
		return fail(err)
	}
	env, err := programs.Environment()
	if err != nil {
		return fail(err)
	}
	code, err := proc.Isolate(ctx, args, append(env, scratchName+"="+folder))
	if err != nil {
		return fail(err)
	}
	return code
}

// scratchName is the variable that holds the folder of a run, which is deep enough
// in the namespace of mounts to stay.
const scratchName = "RINGPLAN_CONFORMANCE_FOLDER"

func scratch(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "conformance-")
	}
	keep, err := filepath.Abs(keep)
	if err != nil {
		return "", err
	}
	return keep, os.Mkdir(keep, 0o755)
}

// prepare builds ringplan and all parts, one after the other: each needs most of
// the machine.
func prepare(ctx context.Context, o options, folder string) (world.Programs, error) {
	programs := world.Programs{Ringplan: filepath.Join(folder, "bin")}
	var err error
	if programs.Root, err = rootOf(o.root); err != nil {
		return programs, err
	}
	if programs.CRDs, err = filepath.Abs(o.crds); err != nil {
		return programs, err
	}
	command := exec.CommandContext(ctx, "go", "build", "-o", programs.Ringplan+string(filepath.Separator), "./cmd/ringplan", "./cmd/ringplan-charts")
	command.Dir = programs.Root
	if out, err := command.CombinedOutput(); err != nil {
		return programs, fmt.Errorf("build ringplan: %w\n%s", err, out)
	}
	paths := map[string]*string{
		parts.Etcd.Name: &programs.Etcd, parts.Kube.Name: &programs.Kube, parts.Kustomizer.Name: &programs.Kustomizer,
		parts.Argo.Name: &programs.Argo, parts.Kustomize.Name: &programs.Kustomize, parts.Helm.Name: &programs.Helm,
	}
	for _, each := range parts.All {
		if *paths[each.Name], err = parts.Build(ctx, o.cache, each, say); err != nil {
			return programs, err
		}
	}
	source, err := parts.Source(ctx, folder, parts.Argo)
	if err != nil {
		return programs, err
	}
	programs.ArgoTools = programs.Ringplan
	if err := executable(filepath.Join(source.Dir, "hack", "git-verify-wrapper.sh"), programs.ArgoTools); err != nil {
		return programs, err
	}
	for name, path := range map[string]*string{"redis-server": &programs.Redis, "docker-registry": &programs.Registry} {
		if *path, err = exec.LookPath(name); err != nil {
			return programs, fmt.Errorf("%[1]s is not on the PATH; Debian's package %[1]s has it", name)
		}
	}
	return programs, nil
}

// part builds one program that is known by name, and prints where it is.
func part(ctx context.Context, o options) int {
	at := slices.IndexFunc(parts.All, func(each parts.Part) bool { return each.Name == o.part })
	if at < 0 {
		return fail(fmt.Errorf("no program %q is known", o.part))
	}
	path, err := parts.Build(ctx, o.cache, parts.All[at], say)
	if err != nil {
		return fail(err)
	}
	fmt.Println(path)
	return fine
}

// executable puts a script of a module, where nothing can be executed, in a folder.
func executable(script, folder string) error {
	text, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, filepath.Base(script)), text, 0o755)
}

// rootOf finds the ringplan module at or above the working folder.
func rootOf(said string) (string, error) {
	if said != "" {
		return filepath.Abs(said)
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; folder = filepath.Dir(folder) {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if first, _, _ := strings.Cut(string(text), "\n"); err == nil && first == "module github.com/ringplan/ringplan" {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("the working folder is not in the ringplan module; -root names its folder")
		}
	}
}

// inside plays the journeys, and prints a table of how their scenarios ended.
func inside(ctx context.Context, o options, journeys []story.Journey) int {
	if err := proc.Settle(); err != nil {
		return fail(err)
	}
	programs, err := world.FromEnvironment()
	if err != nil {
		return fail(err)
	}
	results, start := make([][]story.Result, len(journeys)), time.Now()
	var group errgroup.Group
	group.SetLimit(max(1, o.parallel))
	for i, each := range journeys {
		group.Go(func() (err error) {
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			results[i], err = play(ctx, o, programs, each)
			return err
		})
	}
	err = group.Wait()
	code := table(slices.Concat(results...))
	if err != nil {
		return fail(err)
	}
	say("took %s", time.Since(start).Round(time.Second))
	return code
}

// play plays one journey in a world of its own, which ends with it.
func play(ctx context.Context, o options, programs world.Programs, journey story.Journey) ([]story.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	say := func(format string, args ...any) { say("%-15s  %s", journey.Name, fmt.Sprintf(format, args...)) }
	folder := filepath.Join(os.Getenv(scratchName), journey.Name)
	logs := filepath.Join(folder, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, err
	}
	group := proc.NewGroup(logs)
	defer group.Stop()
	say("begins")
	w, err := world.New(ctx, programs, group, folder, say, journey.Regions...)
	if err != nil {
		return nil, err
	}
	say("the clusters are up")
	results := journey.Play(ctx, w)
	for _, event := range w.Log.Events() {
		say("operator  %s", event)
	}
	for _, each := range results {
		if each.Err != nil {
			say("%s: FAILED: %v", each.Scenario.Name, each.Err)
		}
	}
	return results, nil
}

// table prints how scenarios ended, and returns the exit code.
func table(results []story.Result) int {
	code := fine
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "SCENARIO\tENGINE\tRESULT\tTIME")
	for _, each := range results {
		verdict := "pass"
		if each.Err != nil {
			verdict, code = "FAIL", wrong
		}
		if errors.Is(each.Err, story.ErrNotReached) {
			verdict = "not reached"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", each.Scenario.Name, each.Scenario.Engine, verdict, each.Took.Round(time.Second))
	}
	_ = out.Flush() // nobody is left to be told
	return code
}
