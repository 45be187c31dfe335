package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
)

// enough is the share of the faults that have to be noticed.
const enough = 0.95

// maxJobs is the most faults at the same time: each compiles and runs tests.
const maxJobs = 256

func main() {
	root := flag.String("root", ".", "`folder` of the checkout")
	results := flag.String("results", "results/mutants", "`folder` of what became of each fault; those of the same tree are not tried again")
	only := flag.String("only", "", "`expression` that the names or areas of the faults to try must match")
	jobs := flag.Int("jobs", 2, "faults that are tried at the same time")
	check := flag.Bool("check", false, "only make sure that every fault finds its place; compile and run nothing")
	flag.Parse()
	err := noArguments(flag.Args())
	var ok bool
	if err == nil {
		ok, err = try(*root, *results, *only, *jobs, *check)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// noArguments refuses what is no flag: package flag reads no flag behind it.
func noArguments(args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%q is no flag, and flags behind it are not read: a switch takes its value with = (-check=false)", args[0])
}

func try(root, results, only string, jobs int, check bool) (ok bool, err error) {
	if jobs < 1 || jobs > maxJobs {
		return false, fmt.Errorf("-jobs %d: from 1 to %d is needed", jobs, maxJobs)
	}
	pattern, err := regexp.Compile(only)
	if err != nil {
		return false, fmt.Errorf("-only: %w", err)
	}
	if root, err = filepath.Abs(root); err != nil {
		return false, err
	}
	if results, err = filepath.Abs(results); err != nil {
		return false, err
	}
	var copies []*checkout
	if !check {
		for i := range jobs {
			c, err := newCheckout(root, filepath.Join(results, fmt.Sprintf("tree-%d", i+1)))
			if err != nil {
				return false, err
			}
			copies = append(copies, c)
		}
		defer func() {
			for _, c := range copies {
				err = errors.Join(err, os.RemoveAll(c.dir))
			}
		}()
	}
	at := root
	if !check {
		at = copies[0].dir
	}
	chosen, src, lost, err := choose(at, pattern)
	if err != nil {
		return false, err
	}
	if check || lost > 0 {
		fmt.Printf("%d faults, %d without a place\n", len(chosen), lost)
		return lost == 0, nil
	}
	r := &runner{src: src, results: results}
	if r.tree, err = treeDigest(root, at); err != nil {
		return false, err
	}
	if r.deps, err = readDependents(at); err != nil {
		return false, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := r.sound(ctx, copies[0], r.deps.all()); err != nil {
		return false, err
	}
	return report(chosen, r.all(ctx, chosen, copies)), nil
}

// choose are the faults of the lists whose names or areas match, and how many of them have no place.
func choose(root string, pattern *regexp.Regexp) (chosen []mutant, src *source, lost int, err error) {
	all, err := readMutants(filepath.Join(root, "fixtures", "mutants"))
	if err != nil {
		return nil, nil, 0, err
	}
	if src, err = readSource(root); err != nil {
		return nil, nil, 0, err
	}
	for _, m := range all {
		if !pattern.MatchString(m.Name) && !pattern.MatchString(m.Area) {
			continue
		}
		chosen = append(chosen, m)
		if _, _, err := src.apply(m); err != nil {
			lost++
			fmt.Printf("%-12s %-34s has no place: %v\n", m.Area, m.Name, err)
		}
	}
	if len(chosen) == 0 {
		return nil, nil, 0, fmt.Errorf("-only %s matches no name and no area of the %d faults", pattern, len(all))
	}
	return chosen, src, lost, nil
}

// all tries the faults side by side, one in each copy of the tree; what was under way when ctx ends is not known. What
// is not there has an empty key.
func (r *runner) all(ctx context.Context, chosen []mutant, copies []*checkout) []result {
	out := make([]result, len(chosen))
	next := make(chan int)
	var wg sync.WaitGroup
	for _, c := range copies {
		wg.Go(func() {
			for i := range next {
				res, known := r.known(chosen[i])
				if !known {
					var err error
					if res, err = r.run(ctx, c, chosen[i]); err != nil {
						fmt.Fprintf(os.Stderr, "%s: %v\n", chosen[i].Name, err)
						continue
					}
				}
				out[i] = res
				fmt.Printf("%3d/%d %-12s %-34s %s\n", i+1, len(chosen), res.Area, res.Name, res.verdict())
			}
		})
	}
feed:
	for i := range chosen {
		select {
		case next <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(next)
	wg.Wait()
	return out
}

func (r result) verdict() string {
	switch {
	case r.Error != "":
		return "ERROR " + r.Error
	case r.Noticed:
		return fmt.Sprintf("noticed by %s (%.0f s)", r.By, r.Seconds)
	}
	return fmt.Sprintf("NOT NOTICED (%.0f s)", r.Seconds)
}

// report prints the rate by area and says whether it is enough.
func report(chosen []mutant, results []result) bool {
	type count struct{ noticed, all, useless, missing int }
	var sum count
	areas := map[string]*count{}
	var order []string
	for i, m := range chosen {
		c := areas[m.Area]
		if c == nil {
			c = &count{}
			areas[m.Area] = c
			order = append(order, m.Area)
		}
		for _, c := range []*count{c, &sum} {
			c.all++
			switch {
			case results[i].Key == "":
				c.missing++
			case results[i].Error != "":
				c.useless++
			case results[i].Noticed:
				c.noticed++
			}
		}
	}
	fmt.Println()
	for _, a := range order {
		fmt.Printf("%-12s %3d of %3d noticed\n", a, areas[a].noticed, areas[a].all)
	}
	fmt.Printf("%-12s %3d of %3d noticed (%.0f %%; need %.0f %%), %d errors, %d not tried\n", "all", sum.noticed, sum.all,
		100*float64(sum.noticed)/float64(max(1, sum.all)), 100*enough, sum.useless, sum.missing)
	return sum.useless == 0 && sum.missing == 0 && float64(sum.noticed) >= enough*float64(sum.all)
}
