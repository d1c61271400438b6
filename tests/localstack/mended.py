"""What is mended in LocalStack 4.7.0, so that it gets through the templates. What it makes, it makes by itself.

- An authorizer of a template is not made, and the methods that name it are refused, with the deployment, the stage and the usage
  plan after them. Here it is made, through LocalStack's own API.
- Fn::If works out both of its branches, drops the one that names what a condition leaves out, and then takes the other for it.
  Here it works out the one that is chosen, as CloudFormation does.
- An update of a stack that has an Fn::If whose condition has not changed fails. It does not here.
- A change of an authorizer or of a stage is not made, and a changed method keeps its authorization. Here a method is put anew, as
  AWS does, and what may change of the other two in the templates is changed.
- With a deployment all stages of its API are deleted. Here they stay, and so does a deployment that a stage had once, which it does
  not delete otherwise.
- AWS::NoValue in a list inside of a list stays as null, which no policy may have, and in a list of metrics too, which no alarm may
  have. It is removed here.
- Fn::Not negates the list that its condition is in, and so is never true.
- A resource is never replaced: the change is passed over, and the stack said to be updated. Here a new one is made where AWS's
  schema says so, what names it follows, and the old ones are deleted when all else is done, as CloudFormation does.
- A resource that the template has no longer is deleted before what named it has changed. Here it is deleted when all else is done.
- A function fails for want of Docker, and of a program that LocalStack would fetch. Here it is made, and nothing can run it.
- It keeps what is in buckets in a folder of its own choice.
- It works out what a condition leaves out, and fails where that names something left out. Here it is left out.
- An attribute of a resource that it ignores is the word unknown, which no policy may name. Here it has the form of an ARN, with as many
  parts as that of a web ACL, of which a template takes one.
- What a change set will change it works out before it is made, and fails where that names what is not made yet. Here it does not
  say it: the AWS command line does not read it.
- An update of a stack that has an Fn::FindInMap of a parameter that has not changed fails. It does not here.
- It does not know UsePreviousValue and UsePreviousTemplate. Here they have what the stack has.
- It describes a stack with the parameters that it was made with. Here they are those that it has, defaults too.
- That there is no stack of a name it says in words of its own. Here it says it in CloudFormation's: by these words the AWS command
  line sees that it has to make a stack.
- A stack is made, updated or deleted after the answer. Here it is done before the answer: the AWS command line looks every 30
  seconds whether it is done, and the first time at once.
"""

import functools
import json

from localstack.aws.api.cloudformation import ChangeAction
from localstack.services.apigateway.resource_providers.aws_apigateway_deployment import ApiGatewayDeploymentProvider
from localstack.services.apigateway.resource_providers.aws_apigateway_method import ApiGatewayMethodProvider
from localstack.services.apigateway.resource_providers.aws_apigateway_stage import ApiGatewayStageProvider
from localstack.services.cloudformation import provider_utils, resource_provider
from localstack.services.cloudformation.engine.v2 import change_set_model_preproc
from localstack.services.cloudformation.engine.v2.change_set_model import ChangeSetModel, NodeArray, Nothing, is_nothing
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
from localstack.services.cloudformation.v2 import entities
from localstack.services.cloudformation.v2 import provider as cloudformation
from localstack.services.cloudwatch.resource_providers.aws_cloudwatch_alarm import CloudWatchAlarmProvider
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
    provider_utils.remove_none_values = without_null
    CloudWatchAlarmProvider.create = with_all_metrics(CloudWatchAlarmProvider.create)
    ApiGatewayDeploymentProvider.delete = delete_deployment
    ApiGatewayMethodProvider.update = put_method_anew
    ApiGatewayStageProvider.update = update_stage
    DockerRuntimeExecutor.prepare_version = classmethod(lambda executor, version: None)
    s3.DEFAULT_S3_TMP_DIR = folder
    ChangeSetModelPreproc.visit_node_resource = if_chosen(ChangeSetModelPreproc.visit_node_resource)
    ChangeSetModelPreproc.visit_node_output = if_chosen(ChangeSetModelPreproc.visit_node_output)
    change_set_model_preproc.MOCKED_REFERENCE = "arn:aws:ignored:::attribute/of/ignored/resource"
    cloudformation.ChangeSetModelDescriber.get_changes = lambda describer: []
    cloudformation.StackNotFoundError.__init__ = not_found
    cloudformation.start_worker_thread = lambda run: run()
    ChangeSetModel._resolve_intrinsic_function_fn_find_in_map = lambda model, arguments: arguments.change_type
    entities.Stack.describe_details = described
    provider = cloudformation.CloudformationProviderV2
    provider.create_change_set = with_what_the_stack_has(provider.create_change_set)
    provider.update_stack = with_what_the_stack_has(provider.update_stack)


def if_chosen(visit):
    def changed(self, *given, **named):
        (node,) = (*given, *named.values())
        if not is_nothing(node.condition_reference):
            condition = self._resolve_resource_condition_reference(node.condition_reference)
            if condition.before is not True and condition.after is not True:
                return PreprocEntityDelta(before=Nothing, after=Nothing)
        return visit(self, node)

    return changed


def described(self, describe=entities.Stack.describe_details):
    parameters = (self.template or {}).get("Parameters", {})
    values = {name: parameter.get("Default", "") for name, parameter in parameters.items()} | self.resolved_parameters
    as_text = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in values.items()}
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in as_text.items()]
    return describe(self) | {"Parameters": given}


def with_what_the_stack_has(call):
    @functools.wraps(call)
    def changed(self, context, request):
        store = cloudformation.get_cloudformation_store(context.account_id, context.region)
        stack = cloudformation.find_stack_v2(store, request["StackName"])
        if request.get("UsePreviousTemplate"):
            request["TemplateBody"] = json.dumps(stack.template)
        given = request.get("Parameters") or []
        for parameter in [one for one in given if one.get("UsePreviousValue")]:
            # It has kept no value that nothing in the template uses.
            value = stack.resolved_parameters.get(parameter["ParameterKey"])
            if value is None:
                given.remove(parameter)
            else:
                parameter["ParameterValue"] = ",".join(value) if isinstance(value, list) else value
        return call(self, context, request)

    return changed


def not_found(self, name, message_override=None):
    cloudformation.ValidationError.__init__(self, message_override or f"Stack with id {name} does not exist")


def change(self, name, before, after, in_place=ChangeSetModelExecutor._execute_resource_change):
    """Makes the new resource at once; what names it is worked out afterwards, and so is another too."""
    if is_nothing(after):
        vars(self).setdefault("removed", []).append(lambda: in_place(self, name, before, after))
        return None
    if is_nothing(before) or not has_to_be_replaced(before, after):
        return in_place(self, name, before, after)
    old = self._merge_before_properties(name, before)
    in_place(self, name, Nothing, after)
    vars(self).setdefault("replaced", []).append((name, before.resource_type, old))


def execute(self, update=ChangeSetModelExecutor.execute):
    """Deletes what was removed or replaced when nothing names it any more, the last first."""
    result = update(self)
    for remove in reversed(vars(self).get("removed", [])):
        remove()
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


def delete_deployment(self, request):
    model = request.desired_state
    api = request.aws_client_factory.apigateway
    try:
        api.delete_deployment(restApiId=model["RestApiId"], deploymentId=model["DeploymentId"])
    except (api.exceptions.NotFoundException, api.exceptions.BadRequestException):
        pass
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)


def put_method_anew(self, request):
    names = {"RestApiId": "restApiId", "ResourceId": "resourceId", "HttpMethod": "httpMethod"}
    method = {name: request.desired_state[property] for property, name in names.items()}
    request.aws_client_factory.apigateway.delete_method(**method)
    return self.create(request)


def update_stage(self, request):
    model = request.desired_state
    require_only(request, {"DeploymentId"})
    request.aws_client_factory.apigateway.update_stage(
        restApiId=model["RestApiId"],
        stageName=model["StageName"],
        patchOperations=[{"op": "replace", "path": "/deploymentId", "value": model["DeploymentId"]}],
    )
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)


def require_only(request, names):
    """That nothing else has changed, which would be lost here."""
    old, new = request.previous_state, request.desired_state
    changed = {name for name in new if new[name] != old.get(name)} - names
    if changed:
        raise NotImplementedError(f"a change of {sorted(changed)}")


def without_null(value):
    if isinstance(value, dict):
        return {name: without_null(member) for name, member in value.items() if member is not None}
    return [without_null(member) for member in value if member is not None] if isinstance(value, list) else value


def with_all_metrics(create):
    def changed(self, request):
        model = request.desired_state
        if "Metrics" in model:
            model["Metrics"] = without_null(model["Metrics"])
        return create(self, request)

    return changed


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

    def update(self, request):
        model = request.desired_state
        require_only(request, {"IdentitySource"})
        request.aws_client_factory.apigateway.update_authorizer(
            restApiId=model["RestApiId"],
            authorizerId=request.previous_state["AuthorizerId"],
            patchOperations=[{"op": "replace", "path": "/identitySource", "value": model["IdentitySource"]}],
        )
        model["AuthorizerId"] = request.previous_state["AuthorizerId"]
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)

    def delete(self, request):
        model = request.previous_state
        request.aws_client_factory.apigateway.delete_authorizer(
            restApiId=model["RestApiId"], authorizerId=model["AuthorizerId"]
        )
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model, custom_context=request.custom_context)
