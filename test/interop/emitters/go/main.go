// What clients for Go send of a small shop: jaeger-client-go and zipkin-go. ../README.md says how it is told what to do.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/opentracing/opentracing-go"
	"github.com/openzipkin/zipkin-go"
	"github.com/openzipkin/zipkin-go/model"
	"github.com/openzipkin/zipkin-go/proto/zipkin_proto3"
	zipkinhttp "github.com/openzipkin/zipkin-go/reporter/http"
	"github.com/uber/jaeger-client-go"
	"github.com/uber/jaeger-client-go/config"
)

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func jaegerConfig(sampler *config.SamplerConfig) config.Configuration {
	to := &config.ReporterConfig{CollectorEndpoint: os.Getenv("JAEGER_URL"), BufferFlushInterval: 100 * time.Millisecond}
	if agent := os.Getenv("AGENT"); agent != "" {
		to = &config.ReporterConfig{LocalAgentHostPort: agent, BufferFlushInterval: 100 * time.Millisecond}
	}
	tags := []opentracing.Tag{{Key: "service.version", Value: "1.4.2"}, {Key: "zone", Value: "eu"}}
	return config.Configuration{ServiceName: os.Getenv("SERVICE"), Sampler: sampler, Reporter: to, Tags: tags, Gen128Bit: true}
}

func emitJaeger() {
	tracer, closer, err := jaegerConfig(&config.SamplerConfig{Type: "const", Param: 1}).NewTracer()
	must(err)
	child := func(name string, parent opentracing.Span, tags opentracing.Tags) opentracing.Span {
		return tracer.StartSpan(name, opentracing.ChildOf(parent.Context()), tags)
	}
	root := tracer.StartSpan("checkout", opentracing.Tags{"span.kind": "server", "http.method": "POST", "http.status_code": 404,
		"ratio": 0.25, "cached": true, "big": int64(9007199254740993), "raw": []byte{0, 255, 1}, "huge": uint64(18446744073709551615)})
	charge := child("charge", root, opentracing.Tags{"span.kind": "client", "error": true, "peer.service": "payments"})
	charge.LogKV("event", "error", "error.kind", "Timeout", "message", "no answer")
	charge.LogKV("message", "retry", "attempt", 2)
	charge.Finish()
	child("lookup", root, opentracing.Tags{"span.kind": "client", "http.status_code": 404}).Finish()
	child("forgiven", root, opentracing.Tags{"span.kind": "client", "error": false, "http.status_code": 500}).Finish()
	child("shouting", root, opentracing.Tags{"span.kind": "CLIENT", "error": "true"}).Finish()
	child("scoped", root, opentracing.Tags{"otel.library.name": "shop", "otel.library.version": "2.0", "w3c.tracestate": "a=1"}).Finish()
	audit := tracer.StartSpan("audit", opentracing.FollowsFrom(root.Context()), opentracing.Tags{"span.kind": "producer"})
	audit.Finish()
	tracer.StartSpan("merge", opentracing.ChildOf(root.Context()), opentracing.ChildOf(charge.Context()),
		opentracing.FollowsFrom(audit.Context())).Finish()
	debugged := child("debugged", root, nil)
	debugged.SetTag("sampling.priority", uint16(1))
	debugged.Finish()
	root.Finish()
	must(closer.Close())
	trace := root.Context().(jaeger.SpanContext).TraceID()
	fmt.Printf("trace %016x%016x 9\n", trace.High, trace.Low)
}

func emitZipkin() {
	var options []zipkinhttp.ReporterOption
	if os.Getenv("ZIPKIN_ENCODING") == "proto3" {
		options = append(options, zipkinhttp.Serializer(zipkin_proto3.SpanSerializer{}))
	}
	reporter := zipkinhttp.NewReporter(os.Getenv("ZIPKIN_URL"), options...)
	endpoint, err := zipkin.NewEndpoint(os.Getenv("SERVICE"), "10.0.0.7:8080")
	must(err)
	payments, err := zipkin.NewEndpoint("payments", "10.1.2.3:8443")
	must(err)
	tracer, err := zipkin.NewTracer(reporter, zipkin.WithLocalEndpoint(endpoint), zipkin.WithTraceID128Bit(true))
	must(err)
	root := tracer.StartSpan("GET /cart", zipkin.Kind(model.Server))
	root.Tag("http.method", "GET")
	root.Tag("http.status_code", "200")
	root.Annotate(time.Now(), "cache.miss")
	charge := tracer.StartSpan("charge", zipkin.Kind(model.Client), zipkin.Parent(root.Context()), zipkin.RemoteEndpoint(payments))
	zipkin.TagError.Set(charge, "timeout after 3 s")
	// The server's half of the same span.
	joined := tracer.StartSpan("charge", zipkin.Kind(model.Server),
		zipkin.Parent(tracer.Extract(func() (*model.SpanContext, error) { c := charge.Context(); return &c, nil })))
	joined.Finish()
	charge.Finish()
	tracer.StartSpan("send", zipkin.Kind(model.Producer), zipkin.Parent(root.Context())).Finish()
	tracer.StartSpan("take", zipkin.Kind(model.Consumer), zipkin.Parent(root.Context())).Finish()
	price := tracer.StartSpan("price", zipkin.Parent(root.Context()))
	price.Annotate(time.Now(), "a|b")
	price.Finish()
	debug := root.Context()
	debug.Debug = true
	tracer.StartSpan("debugged", zipkin.Kind(model.Client), zipkin.Parent(debug)).Finish()
	root.Finish()
	must(reporter.Close())
	trace := root.Context().TraceID
	fmt.Printf("trace %016x%016x 7\n", trace.High, trace.Low)
}

func sample() {
	initial, err := strconv.ParseFloat(os.Getenv("INITIAL"), 64)
	must(err)
	sampler := &config.SamplerConfig{Type: "remote", Param: initial, SamplingServerURL: os.Getenv("SAMPLING"), SamplingRefreshInterval: 100 * time.Millisecond}
	tracer, closer, err := jaegerConfig(sampler).NewTracer()
	must(err)
	time.Sleep(time.Second)
	counts := map[string]int{}
	for _, operation := range strings.Split(os.Getenv("OPERATIONS"), ",") {
		counts[operation] = 0
		for i := 0; i < 50; i++ {
			span := tracer.StartSpan(operation)
			if span.Context().(jaeger.SpanContext).IsSampled() {
				counts[operation]++
			}
			span.Finish()
		}
	}
	must(closer.Close())
	text, err := json.Marshal(counts)
	must(err)
	fmt.Printf("sampled %s\n", text)
}

func main() {
	map[string]func(){"jaeger": emitJaeger, "zipkin": emitZipkin, "sampling": sample}[os.Getenv("DO")]()
}
