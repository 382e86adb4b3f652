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
	"strings"
	"text/tabwriter"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"

	"github.com/ringplan/ringplan/cmd/conformance/internal/parts"
	"github.com/ringplan/ringplan/cmd/conformance/internal/proc"
	"github.com/ringplan/ringplan/cmd/conformance/internal/story"
	"github.com/ringplan/ringplan/cmd/conformance/internal/world"
)

// options are the flags.
type options struct {
	cache, crds, root, only, keep string
	list                          bool
	limit                         time.Duration
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
	stories, err := chosen(o.only)
	if err != nil {
		return fail(err)
	}
	if o.list {
		for _, each := range stories {
			fmt.Println(each.Title())
		}
		return fine
	}
	if proc.Inside() {
		return inside(ctx, o, stories)
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
	flags.BoolVar(&o.list, "list", false, "list the scenarios")
	flags.DurationVar(&o.limit, "limit", 5*time.Minute, "how long a scenario may take")
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
func chosen(expression string) ([]story.Story, error) {
	pattern, err := regexp.Compile(expression)
	if err != nil {
		return nil, err
	}
	var stories []story.Story
	for _, each := range story.All() {
		if pattern.MatchString(each.Title()) {
			stories = append(stories, each)
		}
	}
	if len(stories) == 0 {
		return nil, fmt.Errorf("no scenario matches %q; -list lists them", expression)
	}
	return stories, nil
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
	for _, each := range []struct {
		part parts.Part
		path *string
	}{
		{parts.Etcd, &programs.Etcd}, {parts.Kube, &programs.Kube}, {parts.Kustomizer, &programs.Kustomizer},
		{parts.Argo, &programs.Argo}, {parts.Kustomize, &programs.Kustomize}, {parts.Helm, &programs.Helm},
	} {
		if *each.path, err = parts.Build(ctx, o.cache, each.part, say); err != nil {
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
	if programs.Redis, err = exec.LookPath("redis-server"); err != nil {
		return programs, errors.New("redis-server is not on the PATH; Debian's package redis-server has it")
	}
	return programs, nil
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

// result is how a scenario ended.
type result struct {
	story story.Story
	err   error
	took  time.Duration
}

// inside plays the scenarios, and prints a table of them.
func inside(ctx context.Context, o options, stories []story.Story) int {
	if err := proc.Settle(); err != nil {
		return fail(err)
	}
	programs, err := world.FromEnvironment()
	if err != nil {
		return fail(err)
	}
	code, results := fine, make([]result, 0, len(stories))
	for i, each := range stories {
		if ctx.Err() != nil {
			return fail(errors.New("interrupted"))
		}
		say("(%d/%d) %s", i+1, len(stories), each.Title())
		start := time.Now()
		err := play(ctx, o, programs, each)
		if err != nil {
			code = wrong
			say("%s: FAILED: %v", each.Title(), err)
		}
		results = append(results, result{each, err, time.Since(start)})
	}
	table(results)
	return code
}

// play plays one scenario in a world of its own, which ends with it.
func play(ctx context.Context, o options, programs world.Programs, each story.Story) error {
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	folder := filepath.Join(os.Getenv(scratchName), strings.ReplaceAll(each.Title(), " ", "-"))
	logs := filepath.Join(folder, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	group := proc.NewGroup(logs)
	defer group.Stop()
	w, err := world.New(ctx, programs, group, folder, say)
	if err != nil {
		return err
	}
	say("both clusters are up")
	err = each.Play(ctx, w)
	for _, event := range w.Log.Events() {
		say("operator  %s", event)
	}
	return errors.Join(err, w.Log.Wrong())
}

func table(results []result) {
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "SCENARIO\tENGINE\tRESULT\tTIME")
	for _, each := range results {
		verdict := "pass"
		if each.err != nil {
			verdict = "FAIL"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", each.story.Name, each.story.Engine, verdict, each.took.Round(time.Second))
	}
	_ = out.Flush() // nobody is left to be told
}
