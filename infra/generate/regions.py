"""What is generated, by file and region: a text for all domains, and the values in it.

A small text stands here; a large one has a file beside this one.
"""

from pathlib import Path

HERE = Path(__file__).parent


def each(line):
    """A text that has these lines once for each domain."""
    return f"#for domain\n{line}\n#end\n"


def file(name):
    """A text that has a file of its own."""
    return (HERE / name).read_text(encoding="utf-8")


COUNT = """\
/// How many domains share the budget of fetches.
const DOMAINS: u32 = <count>;
"""

TABLES_OF_A_FAILED_STACK = """\
```
aws dynamodb scan --table-name sluice-prod-ledger --max-items 1 --query Count
for table in ledger outcomes <names>; do
  aws dynamodb update-table --table-name "sluice-prod-$table" --no-deletion-protection-enabled
  aws dynamodb delete-table --table-name "sluice-prod-$table"
done
aws cloudformation delete-stack --stack-name sluice-prod
aws cloudformation wait stack-delete-complete --stack-name sluice-prod
```
"""

VARIABLES = """\
```
make deploy STAGE=dev PARAMETERS='RetentionDays=36'
for name in ingest <names>; do
  aws lambda get-function-configuration --function-name "$STACK-$name" --qualifier live --output text \\
    --query '[Version, Environment.Variables.RETENTION_DAYS, Description]'
  aws lambda list-event-source-mappings --output text \\
    --query "EventSourceMappings[?ends_with(EventSourceArn, ':$STACK-$name')].FunctionArn"
done
```
"""

TABLES_OF_A_TRIAL = """\
```
aws cloudformation delete-stack --stack-name sluice-trial
aws cloudformation wait stack-delete-complete --stack-name sluice-trial
for table in ledger outcomes <names>; do
  aws dynamodb delete-table --table-name "sluice-trial-$table"
done
```
"""


def texts():
    """File → region → text."""
    return {
        "template.yaml": {
            "fetches": file("fetches.yaml"),
            "queues": each("        - !Ref <Domain>Queue"),
            "dead-letters": each("        - !Ref <Domain>DeadLetters"),
            "domains": file("domain.yaml"),
            "dashboard": file("dashboard.yaml"),
            "tables": file("tables.yaml"),
            "queue-urls": file("queue_urls.yaml"),
            "function-names": file("function_names.yaml"),
        },
        "Cargo.toml": {
            "members": each('    "functions/<domain>",'),
            "default-members": each('    "functions/<domain>",'),
            "dependencies": each('<domain> = { path = "functions/<domain>" }'),
        },
        "functions/shared/domains/Cargo.toml": {"dependencies": each("<domain>.workspace = true")},
        "functions/shared/adapters/src/objects.rs": {"count": COUNT},
        "infra/docs/first-deploy.md": {"delete-tables": TABLES_OF_A_FAILED_STACK},
        "infra/docs/first-hour.md": {"variables": VARIABLES, "delete-tables": TABLES_OF_A_TRIAL},
        "infra/observability/datadog.yaml": {"subscriptions": file("datadog.yaml")},
    }


WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
SHARES = {2: "a half", 3: "a third", 4: "a quarter", 5: "a fifth", 6: "a sixth", 7: "a seventh", 8: "an eighth", 9: "a ninth"}

# The defaults of FetchesPerSecond and MaximumConcurrency, which descriptions count with.
FETCHES_PER_SECOND = 10
MAXIMUM_CONCURRENCY = 10

# How long a heading's line is.
HEADING = 114


def values(domains):
    """The values of every text."""
    number = len(domains)
    return {
        "domain": [of(domain) for domain in domains],
        "names": " ".join(domain.name for domain in domains),
        "count": number,
        "count_in_words": WORDS[number] if number < len(WORDS) else number,
        "share_in_words": SHARES.get(number, f"1/{number}"),
        "share_per_s": f"{FETCHES_PER_SECOND / number:.3g}",
        "seconds_a_fetch": f"{number * MAXIMUM_CONCURRENCY / FETCHES_PER_SECOND:g}",
    }


def of(domain):
    """The values of one domain."""
    return {
        "domain": domain.name,
        "Domain": domain.id,
        "heading": f" {domain.name}".rjust(HEADING, "-"),
        "about": domain.differences.about or domain.name,
        "by_owner": domain.differences.by_owner,
        "settings": domain.differences.settings,
        "pattern": [{"pattern": f"prefix: {one}" if one.endswith(".") else one} for one in domain.takes],
    }
