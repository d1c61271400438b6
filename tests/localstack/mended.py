"""What is mended in LocalStack 4.7.0, so that it gets through the templates. What it makes, it makes by itself.

- An authorizer of a template is not made, and the methods that name it are refused, with the deployment, the stage and the usage
  plan after them. Here it is made, through LocalStack's own API.
- Fn::If works out both of its branches, drops the one that names what a condition leaves out, and then takes the other for it.
  Here it works out the one that is chosen, as CloudFormation does.
- An update of a stack that has an Fn::If whose condition has not changed fails. It does not here.
- Fn::Not negates the list that its condition is in, and so is never true.
- A resource is never replaced: the change is passed over, and the stack said to be updated. Here a new one is made where AWS's
  schema says so, what names it follows, and the old ones are deleted when all else is done, as CloudFormation does.
- A function fails for want of Docker, and of a program that LocalStack would fetch. Here it is made, and nothing can run it.
- It keeps what is in buckets in a folder of its own choice.
"""

from localstack.aws.api.cloudformation import ChangeAction
from localstack.services.cloudformation import resource_provider
from localstack.services.cloudformation.engine.v2.change_set_model import NodeArray, Nothing, is_nothing
from localstack.services.cloudformation.engine.v2.change_set_model_executor import ChangeSetModelExecutor
from localstack.services.cloudformation.engine.v2.change_set_model_preproc import (
    ChangeSetModelPreproc,
    PreprocEntityDelta,
)
from localstack.services.cloudformation.resource_provider import (
    OperationStatus,
    ProgressEvent,
    ResourceProvider,
    ResourceProviderExecutor,
)
from localstack.services.lambda_.invocation.docker_runtime_executor import DockerRuntimeExecutor
from localstack.services.s3 import provider as s3


def mend(folder):
    """Before LocalStack starts. It keeps its buckets in the folder."""
    load = ResourceProviderExecutor.try_load_resource_provider
    ResourceProviderExecutor.try_load_resource_provider = staticmethod(
        lambda resource_type: Authorizer() if resource_type == AUTHORIZER else load(resource_type)
    )
    resource_provider.PHYSICAL_RESOURCE_ID_SPECIAL_CASES[AUTHORIZER] = "/properties/AuthorizerId"
    NodeArray.__getitem__ = lambda array, index: array.array[index]
    ChangeSetModelPreproc.visit_node_intrinsic_function_fn_if = fn_if
    ChangeSetModelPreproc.visit_node_intrinsic_function_fn_not = fn_not
    ChangeSetModelExecutor._execute_resource_change = change
    ChangeSetModelExecutor.execute = execute
    DockerRuntimeExecutor.prepare_version = classmethod(lambda executor, version: None)
    s3.DEFAULT_S3_TMP_DIR = folder


def change(self, name, before, after, in_place=ChangeSetModelExecutor._execute_resource_change):
    """Makes the new resource at once; what names it is worked out afterwards, and so is another too."""
    if is_nothing(before) or is_nothing(after) or not has_to_be_replaced(before, after):
        return in_place(self, name, before, after)
    old = self._merge_before_properties(name, before)
    in_place(self, name, Nothing, after)
    vars(self).setdefault("replaced", []).append((name, before.resource_type, old))


def execute(self, update=ChangeSetModelExecutor.execute):
    """Deletes what was replaced when nothing names it any more, the last first."""
    result = update(self)
    for name, resource_type, old in reversed(vars(self).get("replaced", [])):
        new = self.resources[name]
        self._execute_resource_action(ChangeAction.Remove, name, resource_type, old, None)
        self.resources[name] = new
    return result


def has_to_be_replaced(before, after):
    """Whether a property differs that AWS's own schema of the type calls create-only; LocalStack has these schemas."""
    provider = ResourceProviderExecutor.try_load_resource_provider(after.resource_type)
    fixed = provider.SCHEMA.get("createOnlyProperties", []) if provider else []
    old, new = before.properties.properties, after.properties.properties
    return any(old.get(name) != new.get(name) for name in (path.removeprefix("/properties/") for path in fixed))


def fn_if(self, node):
    name, yes, no = node.arguments.array
    condition = self._resolve_condition(logical_id=name.value)
    return PreprocEntityDelta(
        before=self.visit(yes if condition.before else no).before,
        after=self.visit(yes if condition.after else no).after,
    )


def fn_not(self, node):
    (condition,) = node.arguments.array
    delta = self.visit(condition)
    return PreprocEntityDelta(before=negated(delta.before), after=negated(delta.after))


def negated(value):
    return value if is_nothing(value) else not value


AUTHORIZER = "AWS::ApiGateway::Authorizer"
# The properties by the API's names for them: https://docs.aws.amazon.com/apigateway/latest/api/API_CreateAuthorizer.html
NAMES = {
    "RestApiId": "restApiId",
    "Name": "name",
    "Type": "type",
    "AuthorizerUri": "authorizerUri",
    "AuthorizerResultTtlInSeconds": "authorizerResultTtlInSeconds",
    "IdentitySource": "identitySource",
}


class Authorizer(ResourceProvider):
    TYPE = AUTHORIZER
    SCHEMA = {"typeName": AUTHORIZER, "primaryIdentifier": ["/properties/AuthorizerId"], "properties": {}}

    def create(self, request):
        model = request.desired_state
        # A property that is not above is a KeyError here, and fails the stack.
        made = request.aws_client_factory.apigateway.create_authorizer(
            **{NAMES[name]: value for name, value in model.items()}
        )
        model["AuthorizerId"] = made["id"]
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)

    def delete(self, request):
        model = request.previous_state
        request.aws_client_factory.apigateway.delete_authorizer(
            restApiId=model["RestApiId"], authorizerId=model["AuthorizerId"]
        )
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)
