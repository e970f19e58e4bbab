// What the Go peers share: the harness, and workloads that see a peer as a few functions. The lines on standard output
// are those of common/bench.h: case, unit, threads, value.
package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// The same pairs as in bench.h: two values of 10 letters.
type pair struct{ pipeline, step string }

// What a peer can do; nil: it cannot.
type peer struct {
	inc, add, set, observe func(n int)         // held, n times
	counters               func() series       // an empty vector
	gauges                 func() series       // likewise, whose values are set
	write                  func(io.Writer)     // the page of the last vector made
	handler                func() http.Handler // likewise
	slowDelete             bool                // costs what all series cost
}

type series interface {
	inc(pair)
	set(pair, float64) // a new counter begins there
	remove(pair)
	removeOwner(string) bool // false: there is no such call
}

func sample(name, unit string, threads int, value float64) {
	fmt.Printf("%s\t%s\t%d\t%.6g\n", name, unit, threads, value)
}

func since(start time.Time, n int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

// The calling goroutine on a thread of its own, the n-th from the last processor on.
func pin(n int) {
	runtime.LockOSThread()
	cpu := (runtime.NumCPU() - 1 - n%runtime.NumCPU()) % 64
	mask := [16]uint64{1 << cpu}
	syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(mask), uintptr(unsafe.Pointer(&mask)))
}

// ns of an operation, on one thread or on two that start together.
func measure(name string, n int, loop func(n int)) {
	if loop == nil {
		return
	}
	for threads := 1; threads <= 2 && threads <= runtime.NumCPU(); threads++ {
		for round := 0; round < 5; round++ {
			var ready, done sync.WaitGroup
			took := make([]float64, threads)
			ready.Add(threads)
			for i := 0; i < threads; i++ {
				done.Add(1)
				go func(i int) {
					defer done.Done()
					pin(i) // and never unpinned: the thread ends with the goroutine
					loop(n / 16)
					ready.Done()
					ready.Wait()
					start := time.Now()
					loop(n)
					took[i] = since(start, n)
				}(i)
			}
			done.Wait()
			sort.Float64s(took)
			sample(name, "ns", threads, took[threads-1])
		}
	}
}

func pairs(n int, seed int64) []pair {
	random := rand.New(rand.NewSource(seed))
	word := func() string {
		var letters [10]byte
		for i := range letters {
			letters[i] = byte('a' + random.Intn(26))
		}
		return string(letters[:])
	}
	all := make([]pair, n)
	for i := range all {
		all[i] = pair{word(), word()}
	}
	return all
}

// Strings of their own, in random order.
func shuffled(all []pair, n int) []pair {
	random := rand.New(rand.NewSource(int64(n)))
	out := make([]pair, n)
	order := random.Perm(n)
	for i := range out {
		p := all[order[i]%len(all)]
		out[i] = pair{string([]byte(p.pipeline)), string([]byte(p.step))}
	}
	return out
}

func heap() float64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// A field of /proc/self/status, in bytes.
func status(field string) float64 {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kilobytes float64
		if n, _ := fmt.Sscanf(lines.Text(), field+": %f", &kilobytes); n == 1 {
			return kilobytes * 1024
		}
	}
	return 0
}

// Like a scrape to memory: pieces of 64 KiB that nobody keeps.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func (p *peer) scrape() {
	buffer := bufio.NewWriterSize(nowhere{}, 64*1024)
	p.write(buffer)
	buffer.Flush()
}

var sizes = []struct {
	name string
	n    int
}{{"1k", 1000}, {"10k", 10000}, {"100k", 100000}, {"1M", 1000000}}

func (p *peer) lookups() {
	for _, size := range []struct {
		name     string
		n, order int
	}{{"find_inc_100", 100, 4096}, {"find_inc_100k", 100000, 100000}} {
		all := pairs(size.n, 1)
		order := shuffled(all, size.order)
		vec := p.counters()
		for _, one := range all {
			vec.inc(one)
		}
		var turn int32
		measure(size.name, 200000, func(n int) {
			at := int(atomic.AddInt32(&turn, 1)) % 2 * (len(order) / 2)
			for i := 0; i < n; i++ {
				vec.inc(order[at])
				if at++; at == len(order) {
					at = 0
				}
			}
		})
	}
}

func (p *peer) life() {
	for _, size := range sizes[2:] {
		all := pairs(size.n, 2)
		order := shuffled(all, size.n)
		deletes := size.n / 100
		if p.slowDelete {
			deletes = 20
		}
		for round := 0; round < 5; round++ {
			vec := p.gauges() // the one before goes
			before := heap()
			start := time.Now()
			for i, one := range all {
				vec.set(one, float64(i))
			}
			sample("create_"+size.name, "ns", 1, since(start, size.n))
			sample("bytes_"+size.name, "B", 1, (heap()-before)/float64(size.n))
			start = time.Now()
			for _, one := range order[:deletes] {
				vec.remove(one)
			}
			sample("delete_"+size.name, "ns", 1, since(start, deletes))
		}
	}
}

func (p *peer) owners() {
	const owned = 100
	for _, size := range sizes[:3] {
		if size.n == 10000 {
			continue
		}
		vec := p.gauges()
		fill := func(owner int) {
			for step := 0; step < owned; step++ {
				vec.set(pair{fmt.Sprintf("owner%05d", owner), fmt.Sprintf("step%06d", step)}, 1)
			}
		}
		for owner := 0; owner < size.n/owned; owner++ {
			fill(owner)
		}
		for round := 0; round < 20; round++ {
			owner := rand.Intn(size.n / owned)
			start := time.Now()
			if !vec.removeOwner(fmt.Sprintf("owner%05d", owner)) {
				return
			}
			sample("owner_delete_"+size.name, "us", 1, since(start, 1000))
			fill(owner)
		}
	}
}

func (p *peer) scrapes() {
	for _, size := range sizes {
		vec := p.gauges()
		for _, one := range pairs(size.n, 3) {
			vec.set(one, rand.Float64())
		}
		p.scrape()
		for round := 0; round < 5; round++ {
			debug.FreeOSMemory()
			os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
			before := status("VmRSS")
			start := time.Now()
			p.scrape()
			sample("scrape_"+size.name, "ms", 1, since(start, 1000000))
			sample("memory_"+size.name, "MB", 1, (status("VmHWM")-before)/1e6)
		}
	}
	vec := p.counters()
	for _, one := range pairs(1000000, 3) {
		vec.set(one, float64(rand.Intn(1000000)))
	}
	for round := 0; round < 5; round++ {
		start := time.Now()
		p.scrape()
		sample("scrape_1M_counters", "ms", 1, since(start, 1000000))
	}
}

// Single calls while another thread scrapes; at most 2 s for a sample.
func (p *peer) latency() {
	const series, calls = 1000000, 100000
	all, fresh := pairs(series, 4), pairs(calls, 5)
	vec := p.gauges()
	for _, one := range all {
		vec.set(one, 1)
	}
	var stop int32
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		defer done.Done()
		pin(1)
		for atomic.LoadInt32(&stop) == 0 {
			p.scrape()
		}
	}()
	time.Sleep(time.Second)
	names := []string{"update", "find", "create", "remove"}
	ops := []func(i int){
		func(int) { p.set(1) },
		func(i int) { vec.set(all[rand.Intn(series)], 2) },
		func(i int) { vec.set(fresh[i], 3) },
		func(i int) { vec.remove(fresh[i]) },
	}
	finished := make(chan bool)
	go func() {
		pin(0)
		for round := 0; round < 5; round++ {
			took := make([][]float64, len(ops))
			begin := time.Now()
			for i := 0; i < calls && time.Since(begin) < 2*time.Second; i++ {
				for what, op := range ops {
					if what == 0 && p.set == nil {
						continue
					}
					start := time.Now()
					op(i)
					took[what] = append(took[what], since(start, 1000))
				}
			}
			for what, own := range took {
				if len(own) == 0 {
					continue
				}
				sort.Float64s(own)
				sample(names[what]+"_p9999", "us", 1, own[len(own)-1-len(own)/10000])
				sample(names[what]+"_max", "us", 1, own[len(own)-1])
			}
		}
		finished <- true
	}()
	<-finished
	atomic.StoreInt32(&stop, 1)
	done.Wait()
}

// Prints the port and ends with its input.
func (p *peer) serve(n int) {
	vec := p.gauges()
	for i := 0; i < n; i++ {
		vec.set(pair{fmt.Sprintf("pipeline-%d", i/10), fmt.Sprintf("step-%d", i%10)}, rand.Float64())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	http.Handle("/metrics", p.handler())
	go http.Serve(listener, nil)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	os.Stdin.Read(make([]byte, 1))
}

func (p *peer) run() {
	if len(os.Args) == 3 && os.Args[1] == "serve" {
		n, _ := strconv.Atoi(os.Args[2])
		p.serve(n)
		return
	}
	parts := []struct {
		name string
		run  func()
	}{
		{"updates", func() {
			measure("inc", 2000000, p.inc)
			measure("add", 2000000, p.add)
			measure("gauge_set", 2000000, p.set)
			measure("observe", 1000000, p.observe)
		}},
		{"lookups", p.lookups}, {"series", p.life}, {"owners", p.owners}, {"latency", p.latency}, {"scrapes", p.scrapes},
	}
	for _, part := range parts {
		wanted := len(os.Args) == 1
		for _, name := range os.Args[1:] {
			wanted = wanted || name == part.name
		}
		if !wanted {
			continue
		}
		// On a thread of its own, which ends with it.
		done := make(chan bool)
		go func() {
			if part.name != "latency" {
				pin(0)
			}
			part.run()
			done <- true
		}()
		<-done
	}
}

// 4096 values of which each bucket is as likely as any other.
func observations(bounds []float64) []float64 {
	values := make([]float64, 4096)
	for i := range values {
		bucket, low, high := rand.Intn(len(bounds)+1), 0.0, 10.0
		if bucket > 0 {
			low = bounds[bucket-1]
		}
		if bucket < len(bounds) {
			high = bounds[bucket]
		}
		values[i] = low + (high-low)*rand.Float64()
	}
	return values
}
