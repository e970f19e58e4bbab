package main

import (
	"io"
	"net/http"

	"github.com/VictoriaMetrics/metrics"
)

var set *metrics.Set

// A series is known by its whole name, which the caller puts together.
func name(p pair) string {
	return `bench{pipeline="` + p.pipeline + `",step="` + p.step + `"}`
}

type counters struct{ family }

func (counters) set(p pair, value float64) { set.GetOrCreateCounter(name(p)).Set(uint64(value)) }

type family struct{}

func (family) inc(p pair) { set.GetOrCreateCounter(name(p)).Inc() }

// Gauges of this version are callbacks; float counters can be set.
func (family) set(p pair, value float64) { set.GetOrCreateFloatCounter(name(p)).Set(value) }
func (family) remove(p pair)             { set.UnregisterMetric(name(p)) }
func (family) removeOwner(string) bool   { return false }

func main() {
	held := metrics.NewSet()
	counter, float := held.NewCounter("c"), held.NewFloatCounter("f")
	(&peer{
		inc: func(n int) {
			for i := 0; i < n; i++ {
				counter.Inc()
			}
		},
		add: func(n int) {
			for i := 0; i < n; i++ {
				float.Add(0.37)
			}
		},
		set: func(n int) {
			for i := 0; i < n; i++ {
				float.Set(float64(i))
			}
		},
		counters: func() series {
			set = metrics.NewSet()
			return counters{}
		},
		gauges: func() series {
			set = metrics.NewSet()
			return family{}
		},
		write: func(w io.Writer) { set.WritePrometheus(w) },
		handler: func() http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { set.WritePrometheus(w) })
		},
		slowDelete: true,
	}).run()
}
