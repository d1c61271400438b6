"""What a mapping template of a REST API makes of an authorizer's context, by LocalStack's own reader of Velocity.

Reads one object of JSON, {"template": TEXT, "contexts": [AUTHORIZER'S CONTEXT, …]}, and writes the texts that they make.

LocalStack's $util.escapeJavaScript leaves a single quote as it is. API Gateway's makes \\' of it, which JSON does not know:
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html#util-template-reference
"""

import json
import sys

from localstack.services.apigateway.next_gen.execute_api import template_mapping

escaped = template_mapping.VelocityUtilApiGateway.escapeJavaScript
template_mapping.VelocityUtilApiGateway.escapeJavaScript = lambda util, value: escaped(util, value).replace("'", "\\'")

question = json.load(sys.stdin)
made = [
    template_mapping.ApiGatewayVtlTemplate().render_vtl(question["template"], {"context": {"authorizer": context}})
    for context in question["contexts"]
]
print(json.dumps(made))
