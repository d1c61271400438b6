//! The dashboard of `infra/monitoring.yaml`. It is a text: only these tests find a mistake in it.

use crate::infra::support::{
    rows::{DISTRIBUTION, MONITORED_HTTP_API, MONITORED_WEBSOCKET_API, WEB_ACL, check, monitoring},
    template::{Template, template, text},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use telemetry::{METRICS, NAMESPACE};

/// The metrics of AWS that it may show, with the statistics that AWS names for them, and the widgets that show them.
///
/// CloudFront: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html>, and for the edge
/// function `cloudfront-metrics` there. API Gateway: "Amazon API Gateway dimensions and metrics", "Monitor HTTP API metrics" and "Monitor
/// WebSocket API execution with CloudWatch metrics". Lambda: "Types of metrics for Lambda functions". SQS: "Available CloudWatch metrics
/// for Amazon SQS". WAF: <https://docs.aws.amazon.com/waf/latest/developerguide/waf-metrics.html>.
const OF_AWS: [(&str, &str, &[&str]); 32] = [
    ("AWS/CloudFront", "Requests", &["Sum"]),
    ("AWS/CloudFront", "4xxErrorRate", &["Average"]),
    ("AWS/CloudFront", "5xxErrorRate", &["Average"]),
    // Additional metrics.
    ("AWS/CloudFront", "401ErrorRate", &["Average"]),
    ("AWS/CloudFront", "403ErrorRate", &["Average"]),
    ("AWS/CloudFront", "502ErrorRate", &["Average"]),
    ("AWS/CloudFront", "503ErrorRate", &["Average"]),
    ("AWS/CloudFront", "504ErrorRate", &["Average"]),
    ("AWS/CloudFront", "OriginLatency", &["p99"]),
    ("AWS/CloudFront", "LambdaExecutionError", &["Sum"]),
    ("AWS/CloudFront", "LambdaValidationError", &["Sum"]),
    ("AWS/CloudFront", "LambdaLimitExceededError", &["Sum"]),
    ("AWS/CloudFront", "LambdaLimitExceededErrors", &["Sum"]),
    ("AWS/WAFV2", "AllowedRequests", &["Sum"]),
    ("AWS/WAFV2", "BlockedRequests", &["Sum"]),
    ("AWS/ApiGateway", "Count", &["Sum"]),
    ("AWS/ApiGateway", "4XXError", &["Sum"]),
    ("AWS/ApiGateway", "5XXError", &["Sum"]),
    ("AWS/ApiGateway", "4xx", &["Sum"]),
    ("AWS/ApiGateway", "5xx", &["Sum"]),
    ("AWS/ApiGateway", "Latency", &["p99"]),
    ("AWS/ApiGateway", "IntegrationLatency", &["p99"]),
    ("AWS/ApiGateway", "ConnectCount", &["Sum"]),
    ("AWS/ApiGateway", "MessageCount", &["Sum"]),
    ("AWS/ApiGateway", "ClientError", &["Sum"]),
    ("AWS/ApiGateway", "ExecutionError", &["Sum"]),
    ("AWS/ApiGateway", "IntegrationError", &["Sum"]),
    ("AWS/Lambda", "Duration", &["p50", "p99"]),
    ("AWS/Lambda", "Errors", &["Sum"]),
    ("AWS/Lambda", "Throttles", &["Sum"]),
    ("AWS/Lambda", "ConcurrentExecutions", &["Maximum"]),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", &["Maximum"]),
];

const NO_EDGE: &[(&str, &str)] = &[];
const FRONTS: [&[(&str, &str)]; 4] =
    [NO_EDGE, &[DISTRIBUTION], &[("WebAclArn", WEB_ACL)], &[DISTRIBUTION, ("WebAclArn", WEB_ACL)]];
const KINDS: [&[(&str, &str)]; 3] = [&[], MONITORED_HTTP_API, MONITORED_WEBSOCKET_API];

fn each(of: impl Fn(&Template, &[Value])) {
    for kind in KINDS {
        for front in FRONTS {
            let stack = monitoring(&[kind, front, &[("AWS::StackName", "pets")]].concat());
            of(&stack, &widgets(&stack));
        }
    }
}

#[track_caller]
fn widgets(stack: &Template) -> Vec<Value> {
    let body = text(&stack.resource("Dashboard")["Properties"]["DashboardBody"]);
    let mut body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    serde_json::from_value(body["widgets"].take()).unwrap()
}

fn number(widget: &Value, name: &str) -> u64 {
    widget[name].as_u64().unwrap_or_else(|| panic!("{name} of {widget}"))
}

/// CloudWatch would move them, and the order in which a person reads them would be another.
#[test]
fn widgets_fill_their_rows_and_do_not_overlap() {
    each(|stack, widgets| {
        check(stack, &[("Dashboard", "/Properties/DashboardName", json!("Countersign-pets-eu-central-1"))]);
        let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for widget in widgets {
            rows.entry(number(widget, "y")).or_default().push(widget);
        }
        let mut below = 0;
        for (y, mut row) in rows {
            assert_eq!(y, below, "a row begins where the one above it ends");
            row.sort_by_key(|widget| number(widget, "x"));
            let mut right = 0;
            for widget in &row {
                assert_eq!(number(widget, "x"), right, "{widget}");
                right += number(widget, "width");
                assert_eq!(number(widget, "height"), number(row[0], "height"), "{widget}");
            }
            assert_eq!(right, 24, "the row at {y}");
            below += number(row[0], "height");
        }
    });
}

/// Without the id of a distribution or the web ACL their widgets are left out. They would be empty.
#[test]
fn the_way_of_a_request_has_a_widget_for_each_part_that_is_known() {
    let (cloud_front, web_acl) = ("CloudFront: requests, percent of errors", "Web ACL: allowed, and blocked by rule");
    let (gateway, authorizer) =
        ("API Gateway: requests, answers that are errors", "Authorizer: admitted, refused, undecided");
    for (front, expected) in FRONTS.into_iter().zip([
        &[gateway, authorizer][..],
        &[cloud_front, gateway, authorizer],
        &[web_acl, gateway, authorizer],
        &[cloud_front, web_acl, gateway, authorizer],
    ]) {
        let widgets = widgets(&monitoring(front));
        let row = widgets.iter().filter(|widget| number(widget, "y") == 11);
        let titles: BTreeMap<_, _> =
            row.map(|widget| (number(widget, "x"), widget["properties"]["title"].as_str().unwrap())).collect();
        assert_eq!(titles.into_values().collect::<Vec<_>>(), expected);
        let failures =
            widgets.iter().any(|w| w["properties"]["title"] == "Failures of the edge function, in all Regions");
        assert_eq!(failures, front.contains(&DISTRIBUTION));
    }
}

/// A metric of a widget: its namespace, name and dimensions, and its statistic and Region.
type Shown = (String, String, Vec<(String, String)>, String, String);

/// Each has the properties of its widget, unless it has its own.
fn shown(widget: &Value) -> Vec<Shown> {
    let properties = &widget["properties"];
    let metrics = properties["metrics"].as_array().unwrap_or_else(|| panic!("{widget} has no metrics"));
    let word = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{value} in {widget}")).to_owned();
    let of = |metric: &Value| {
        let parts = metric.as_array().unwrap();
        let options = parts.last().filter(|last| last.is_object());
        let own = |name: &str| options.and_then(|options| options.get(name)).unwrap_or(&properties[name]);
        let region = word(own("region"));
        if let Some(expression) = options.and_then(|options| options.get("expression")) {
            let (namespace, name, dimensions, statistic) = searched(&word(expression));
            return (namespace, name, dimensions, statistic, region);
        }
        let words: Vec<_> = parts.iter().filter(|part| part.is_string()).map(word).collect();
        let [namespace, name, dimensions @ ..] = &words[..] else { panic!("{metric}") };
        let dimensions = dimensions.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect();
        (namespace.clone(), name.clone(), dimensions, word(own("stat")), region)
    };
    metrics.iter().map(of).collect()
}

/// `SEARCH('{NAMESPACE,DIMENSION,…} NAME="VALUE" …', 'STATISTIC')`, where a dimension without a value may have any.
#[track_caller]
fn searched(expression: &str) -> (String, String, Vec<(String, String)>, String) {
    let form = regex::Regex::new(r#"^SEARCH\('\{([^}]+)\} ([^']+)', '([A-Za-z]+)'\)$"#).unwrap();
    let parts = form.captures(expression).unwrap_or_else(|| panic!("{expression} is not a search"));
    let mut values: BTreeMap<_, _> = parts[2]
        .split(' ')
        .map(|term| {
            let (name, value) = term.split_once('=').unwrap_or_else(|| panic!("{term} in {expression}"));
            let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            (name.to_owned(), value.unwrap_or_else(|| panic!("{term} in {expression}")).to_owned())
        })
        .collect();
    let mut schema = parts[1].split(',');
    let namespace = schema.next().unwrap().to_owned();
    let name = values.remove("MetricName").expect("a search names its metric");
    let dimensions = schema.map(|name| (name.to_owned(), values.remove(name).unwrap_or_else(|| "*".to_owned())));
    let dimensions = dimensions.collect();
    assert!(values.is_empty(), "{values:?} are not in the schema of {expression}");
    (namespace, name, dimensions, parts[3].to_owned())
}

/// Of ours: the name and the dimensions of each, as the log writes them.
#[test]
fn it_shows_metrics_that_are_written() {
    let mut of_aws = BTreeSet::new();
    let mut ours = BTreeSet::new();
    each(|_, widgets| {
        for widget in widgets.iter().filter(|widget| widget["type"] == "metric") {
            assert!(widget["properties"]["title"].is_string(), "{widget}");
            for (namespace, name, dimensions, statistic, region) in shown(widget) {
                let names: Vec<_> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
                if namespace == NAMESPACE {
                    let metric = METRICS.iter().find(|metric| metric.name == name).unwrap_or_else(|| panic!("{name}"));
                    let by = metric.by.map(|by| format!("{by:?}"));
                    let most: Vec<_> = ["FunctionName"].into_iter().chain(by.as_deref()).collect();
                    assert!(names == most[..1] || names == most, "{name} by {names:?}");
                    let function = match name.as_str() {
                        "EdgeAnswered" => "signer",
                        "Rotation" => "rotator",
                        _ => "authorizer",
                    };
                    assert_eq!(dimensions[0].1, function, "{name}");
                    assert!(region == "eu-central-1" || function == "signer", "{name} in {region}");
                } else {
                    let row = OF_AWS.iter().find(|(of, metric, _)| *of == namespace && *metric == name);
                    let (_, _, statistics) = row.unwrap_or_else(|| panic!("{namespace} {name}"));
                    assert!(statistics.contains(&statistic.as_str()), "{name}: {statistic}");
                    let expected: &[&str] = match namespace.as_str() {
                        "AWS/CloudFront" => &["DistributionId", "Region"],
                        // The metrics of a web ACL of CloudFront have no Region.
                        "AWS/WAFV2" => &["Rule", "WebACL"],
                        "AWS/Lambda" => &["FunctionName"],
                        "AWS/SQS" => &["QueueName"],
                        _ if names.contains(&"ApiName") => &["ApiName", "Stage"],
                        _ => &["ApiId", "Stage"],
                    };
                    assert_eq!(names, expected, "{name}");
                    let is_global = ["AWS/CloudFront", "AWS/WAFV2"].contains(&namespace.as_str());
                    assert_eq!(region, if is_global { "us-east-1" } else { "eu-central-1" }, "{name}");
                }
            }
        }
    });
    for kind in KINDS {
        let stack = monitoring(&[kind, FRONTS[3]].concat());
        for widget in widgets(&stack).iter().filter(|widget| widget["type"] == "metric") {
            for (namespace, name, ..) in shown(widget) {
                if namespace == NAMESPACE {
                    ours.insert(name)
                } else {
                    of_aws.insert((namespace, name))
                };
            }
        }
    }
    let expected = OF_AWS.map(|(namespace, name, _)| (namespace.to_owned(), name.to_owned()));
    assert_eq!(of_aws, expected.into());
    let expected = [
        "Allowed",
        "EdgeAnswered",
        "KeySetAge",
        "MonitorMode",
        "NextRefused",
        "NextWouldRefuse",
        "Refused",
        "RefreshFailed",
        "Rotation",
        "SecretAge",
        "TokenRefused",
        "TokenWouldRefuse",
        "Unauthorized",
        "Unavailable",
        "WouldRefuse",
    ];
    assert_eq!(ours, expected.map(str::to_owned).into());
}

/// It is not known whether AWS writes a web ACL's name or its metric name.
#[test]
fn the_web_acl_is_found_by_its_name_and_by_the_metric_name_of_front_yaml() {
    let widgets = widgets(&monitoring(&[("WebAclArn", WEB_ACL)]));
    let of_web_acl = widgets.iter().filter(|widget| widget["type"] == "metric").flat_map(shown);
    let of_web_acl = of_web_acl.filter(|(namespace, ..)| namespace == "AWS/WAFV2");
    let found: BTreeSet<_> = of_web_acl
        .map(|(_, name, dimensions, ..)| (name, dimensions.into_iter().map(|(_, value)| value).collect::<Vec<_>>()))
        .collect();
    let front = Template::raw("front.yaml");
    let metric_name = text(&front.resource("WebAclForApis")["Properties"]["VisibilityConfig"]["MetricName"]);
    let expected = ["own".to_owned(), metric_name].into_iter().flat_map(|acl| {
        [("AllowedRequests", "ALL"), ("BlockedRequests", "*")]
            .map(|(name, rule)| (name.to_owned(), vec![rule.to_owned(), acl.clone()]))
    });
    assert_eq!(found, expected.collect());
}

#[test]
fn it_shows_every_alarm_of_the_stack() {
    each(|stack, widgets| {
        let widget = widgets.iter().find(|widget| widget["type"] == "alarm").expect("it has a widget of the alarms");
        let shown: Vec<_> =
            widget["properties"]["alarms"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap()).collect();
        let alarms = stack.resources().iter().filter(|(_, resource)| {
            ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"].contains(&resource["Type"].as_str().unwrap())
        });
        let expected: BTreeSet<_> = alarms.map(|(name, _)| format!("${{{name}.Arn}}")).collect();
        assert_eq!(shown.len(), expected.len());
        assert_eq!(shown.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), expected);
    });
}

/// The text at its top leads to pages that are there.
#[test]
fn its_text_names_pages_of_the_runbook() {
    let runbook = template("RUNBOOK.md");
    let headings: BTreeSet<_> =
        runbook.lines().filter_map(|line| line.strip_prefix("## ").or_else(|| line.strip_prefix("### "))).collect();
    each(|_, widgets| {
        let help = widgets[0]["properties"]["markdown"].as_str().expect("the first widget is a text");
        let (_, table) = help.split_once("| --- | --- |\n").unwrap();
        let pages: Vec<_> =
            table.lines().map(|row| row.trim_matches(['|', ' ']).split(" | ").last().unwrap()).collect();
        assert_eq!(pages.len(), 7);
        for page in pages {
            assert!(headings.contains(page), "the runbook has no page {page}");
        }
        for metric in help.split('`').skip(1).step_by(2).filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric()))
        {
            let is_known = METRICS.iter().any(|known| known.name == metric);
            assert!(is_known || ["DistributionId", "WebAclArn"].contains(&metric), "{metric}");
        }
    });
}
