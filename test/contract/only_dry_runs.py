"""Of commands that would be started only whether they would be: nothing is cut over by chance. What is refused for its form stays as it is."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if isinstance(body, dict) and "command" in body and body.get("dryRun", False) is False:
        case.body = {**body, "dryRun": True}
