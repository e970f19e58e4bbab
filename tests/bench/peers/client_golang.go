package main

import (
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

var registry *prometheus.Registry

var labels = []string{"pipeline", "step"}

type counters struct{ *prometheus.CounterVec }

func (c counters) inc(p pair)              { c.WithLabelValues(p.pipeline, p.step).Inc() }
func (c counters) set(p pair, v float64)   { c.WithLabelValues(p.pipeline, p.step).Add(v) }
func (c counters) remove(p pair)           { c.DeleteLabelValues(p.pipeline, p.step) }
func (c counters) removeOwner(string) bool { return false }

type gauges struct{ *prometheus.GaugeVec }

func (g gauges) inc(p pair)                { g.WithLabelValues(p.pipeline, p.step).Inc() }
func (g gauges) set(p pair, value float64) { g.WithLabelValues(p.pipeline, p.step).Set(value) }
func (g gauges) remove(p pair)             { g.DeleteLabelValues(p.pipeline, p.step) }
func (g gauges) removeOwner(name string) bool {
	return g.DeletePartialMatch(prometheus.Labels{"pipeline": name}) > 0
}

func main() {
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Benchmark."})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Benchmark."})
	bounds := prometheus.DefBuckets[:10]
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Benchmark.", Buckets: bounds})
	values := observations(bounds)
	(&peer{
		inc: func(n int) {
			for i := 0; i < n; i++ {
				counter.Inc()
			}
		},
		add: func(n int) {
			for i := 0; i < n; i++ {
				counter.Add(0.37)
			}
		},
		set: func(n int) {
			for i := 0; i < n; i++ {
				gauge.Set(float64(i))
			}
		},
		observe: func(n int) {
			for i := 0; i < n; i++ {
				histogram.Observe(values[i%len(values)])
			}
		},
		counters: func() series {
			registry = prometheus.NewRegistry()
			vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bench_total", Help: "Benchmark."}, labels)
			registry.MustRegister(vec)
			return counters{vec}
		},
		gauges: func() series {
			registry = prometheus.NewRegistry()
			vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "bench", Help: "Benchmark."}, labels)
			registry.MustRegister(vec)
			return gauges{vec}
		},
		write: func(w io.Writer) {
			families, err := registry.Gather()
			if err != nil {
				panic(err)
			}
			for _, family := range families {
				expfmt.MetricFamilyToText(w, family)
			}
		},
		handler: func() http.Handler { return promhttp.HandlerFor(registry, promhttp.HandlerOpts{}) },
	}).run()
}
