"""What clients for Python send of a small shop: jaeger-client and py_zipkin. ../README.md says how it is told what to do."""
import json, os, time, urllib.request
import opentracing
from jaeger_client import Config, ProbabilisticSampler
from py_zipkin import Encoding, Kind, zipkin

env = os.environ


def jaeger_tracer(sampler, **more):
    host, port = env.get("AGENT", "127.0.0.1:9").split(":")
    agent = {"reporting_host": host, "reporting_port": int(port), **more}
    config = {"sampler": sampler, "local_agent": agent, "tags": {"service.version": "1.4.2", "zone": "eu"}}
    config.update(reporter_flush_interval=0.1, sampling_refresh_interval=0.1)
    return Config(config, service_name=env["SERVICE"]).new_tracer()


def jaeger():
    tracer = jaeger_tracer({"type": "const", "param": 1})

    def child(name, parent, tags):
        return tracer.start_span(name, child_of=parent, tags=tags)

    tags = {"span.kind": "server", "http.method": "POST", "http.status_code": 404, "ratio": 0.25, "cached": True, "big": 9007199254740993}
    root = tracer.start_span("checkout", tags=tags)
    charge = child("charge", root, {"span.kind": "client", "error": True, "peer.service": "payments"})
    charge.log_kv({"event": "error", "error.kind": "Timeout", "message": "no answer"})
    charge.log_kv({"message": "retry", "attempt": 2})
    charge.finish()
    child("lookup", root, {"span.kind": "client", "http.status_code": 404}).finish()
    child("forgiven", root, {"span.kind": "client", "error": False, "http.status_code": 500}).finish()
    child("shouting", root, {"span.kind": "CLIENT", "error": "true"}).finish()
    child("scoped", root, {"otel.library.name": "shop", "otel.library.version": "2.0", "w3c.tracestate": "a=1"}).finish()
    audit = tracer.start_span("audit", references=[opentracing.follows_from(root.context)], tags={"span.kind": "producer"})
    audit.finish()
    references = [opentracing.child_of(root.context), opentracing.child_of(charge.context), opentracing.follows_from(audit.context)]
    tracer.start_span("merge", references=references).finish()
    debugged = child("debugged", root, {})
    debugged.set_tag("sampling.priority", 1)
    debugged.finish()
    root.finish()
    time.sleep(0.5)
    tracer.close()
    time.sleep(0.5)
    print(f"trace {root.context.trace_id:032x} 9")


def send(body):
    body = body.encode() if isinstance(body, str) else body
    urllib.request.urlopen(urllib.request.Request(env["ZIPKIN_URL"], body, {"Content-Type": "application/json"})).read()


def zipkin_spans():
    encoding = Encoding.V1_JSON if env.get("ZIPKIN_ENCODING") == "json_v1" else Encoding.V2_JSON
    common = dict(service_name=env["SERVICE"], transport_handler=send, sample_rate=100, encoding=encoding)
    with zipkin.zipkin_span(span_name="GET /cart", kind=Kind.SERVER, port=8080, host="10.0.0.7", use_128bit_trace_id=True, **common) as root:
        root.update_binary_annotations({"http.method": "GET", "http.status_code": "200"})
        root.add_annotation("cache.miss")
        with zipkin.zipkin_span(service_name=env["SERVICE"], span_name="charge", kind=Kind.CLIENT) as charge:
            charge.add_sa_binary_annotation(port=8443, service_name="payments", host="10.1.2.3")
            charge.update_binary_annotations({"error": "timeout after 3 s"})
        for name, kind in (("send", Kind.PRODUCER), ("take", Kind.CONSUMER), ("price", Kind.LOCAL)):
            with zipkin.zipkin_span(service_name=env["SERVICE"], span_name=name, kind=kind) as span:
                span.add_annotation("a|b")
        trace = root.zipkin_attrs.trace_id
    print(f"trace {trace.zfill(32)} 5")


def sampling():
    port = int(env["SAMPLING"].split(":")[2].split("/")[0])
    # Without a type the sampler is remote; what it starts with cannot be configured.
    tracer = jaeger_tracer({}, sampling_port=port)
    tracer.sampler.sampler = ProbabilisticSampler(float(env["INITIAL"]))
    time.sleep(2)
    counts = {}
    for operation in env["OPERATIONS"].split(","):
        spans = [tracer.start_span(operation) for _ in range(50)]
        counts[operation] = sum(1 for span in spans if span.is_sampled())
        for span in spans:
            span.finish()
    time.sleep(0.5)
    tracer.close()
    time.sleep(0.5)
    print("sampled " + json.dumps(counts))


{"jaeger": jaeger, "zipkin": zipkin_spans, "sampling": sampling}[env["DO"]]()
