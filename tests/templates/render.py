"""What CloudFormation makes of a template before it makes resources, for the tests that ask what a template says.

Reads one line of JSON for each question, and answers each with one line:

    {"text": TEMPLATE}                                  the template as it stands, in JSON, with the functions' long names
    {"text": TEMPLATE, "parameters": {NAME: VALUE}}     the same with parameters, pseudo parameters, mappings, conditions and
                                                        functions worked out; pseudo parameters may be given like others

as {"template": …}, or {"refused": WHY}, where CloudFormation too would refuse the parameters or the template.

What only a deployment knows stays: {"Ref": "Bucket"} and {"Fn::GetAtt": ["Bucket", "Arn"]}, and the functions around them with
all else worked out, as in {"Fn::Sub": "arn:aws:s3:::${Bucket}/*"}. What a condition leaves out is not there, and a reference to it
is refused. A function that is not below is refused, and never passed over. The reader is cfn-lint's, which refuses a key that
stands twice.
"""

import json
import re
import sys

from cfnlint.decode import cfn_yaml
from yaml import YAMLError

NO_VALUE = object()
REFERENCE = re.compile(r"\$\{(!?)([^}]*)\}")


class Refused(Exception):
    """What CloudFormation would not take."""


class Stack:
    """A template with parameters."""

    def __init__(self, template, given):
        self.template = template
        self.values = pseudo_parameters(given) | parameters(template.get("Parameters", {}), given)
        self.resources = {
            name: resource
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.condition({"Condition": resource["Condition"]})
        }

    def rendered(self):
        """The template, with what is worked out in its place."""
        conditions = {name: self.condition(value) for name, value in self.template.get("Conditions", {}).items()}
        for name, rule in self.template.get("Rules", {}).items():
            self.assert_rule(name, rule)
        resources = {name: self.resource(resource) for name, resource in self.resources.items()}
        outputs = {
            name: self.worked_out({key: value for key, value in output.items() if key != "Condition"})
            for name, output in self.template.get("Outputs", {}).items()
            if "Condition" not in output or self.condition({"Condition": output["Condition"]})
        }
        return dict(self.template) | {"Conditions": conditions, "Resources": resources, "Outputs": outputs}

    def resource(self, resource):
        """It depends on what is there: CloudFormation too passes over a dependency that a condition leaves out."""
        resource = {key: value for key, value in resource.items() if key != "Condition"}
        if "DependsOn" in resource:
            named = resource["DependsOn"]
            named = [named] if isinstance(named, str) else named
            for name in named:
                if name not in self.template["Resources"]:
                    raise Refused(f"Unresolved resource dependencies [{name}]")
            resource["DependsOn"] = [name for name in named if name in self.resources]
        return self.worked_out(resource)

    def assert_rule(self, name, rule):
        if "RuleCondition" in rule and not self.condition(rule["RuleCondition"]):
            return
        for assertion in rule["Assertions"]:
            if not self.condition(assertion["Assert"]):
                raise Refused(f"Rule {name}: {assertion.get('AssertDescription', 'its assertion is false')}")

    def condition(self, value):
        """Whether it holds."""
        name, argument = function(value)
        if name == "Condition":
            if argument not in self.template.get("Conditions", {}):
                raise Refused(f"Unresolved condition dependency [{argument}]")
            return self.condition(self.template["Conditions"][argument])
        if name == "Fn::Equals":
            left, right = (self.worked_out(side) for side in argument)
            return as_text(left) == as_text(right)
        if name == "Fn::Contains":
            many, one = (self.worked_out(side) for side in argument)
            return as_text(one) in map(as_text, many)
        if name == "Fn::Not":
            (negated,) = argument
            return not self.condition(negated)
        if name in ("Fn::And", "Fn::Or"):
            if not 2 <= len(argument) <= 10:
                raise Refused(f"{name} takes two to ten conditions")
            return {"Fn::And": all, "Fn::Or": any}[name]([self.condition(part) for part in argument])
        raise Refused(f"{json.dumps(value)} is no condition")

    def worked_out(self, value):
        """The value, as far as it is known before there are resources."""
        if isinstance(value, list):
            return [made for made in map(self.worked_out, value) if made is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        name, argument = function(value)
        if name == "Ref":
            return self.ref(argument)
        if name == "Fn::If":
            condition, yes, no = argument
            return self.worked_out(yes if self.condition({"Condition": condition}) else no)
        if name == "Fn::GetAtt":
            self.must_be_there(argument[0])
            return {"Fn::GetAtt": argument}
        if name == "Fn::Sub":
            return self.sub(*([argument, {}] if isinstance(argument, str) else argument))
        if name in FUNCTIONS:
            argument = self.worked_out(argument)
            made = FUNCTIONS[name](self, argument)
            return {name: argument} if made is None else made
        if name is not None and name.startswith("Fn::"):
            raise Refused(f"render.py does not know {name}")
        made = {key: self.worked_out(inner) for key, inner in value.items()}
        return {key: inner for key, inner in made.items() if inner is not NO_VALUE}

    def ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.values:
            return self.values[name]
        self.must_be_there(name)
        return {"Ref": name}

    def must_be_there(self, name):
        if name not in self.resources:
            raise Refused(f"Unresolved resource dependencies [{name}]")

    def sub(self, text, variables):
        """A text; or Fn::Sub again, with the resources that it names still in it."""
        pieces, kept, end = [], {}, 0
        for found in REFERENCE.finditer(text):
            pieces.append(text[end : found.start()])
            end = found.end()
            literal, name = found.groups()
            if literal:
                pieces.append("${" + name + "}")
                continue
            value = self.worked_out(reference(name) if name not in variables else variables[name])
            inner, argument = function(value)
            if inner == "Ref":
                pieces.append(("${" + argument + "}",))
            elif inner == "Fn::GetAtt":
                pieces.append(("${" + ".".join(argument) + "}",))
            elif isinstance(value, dict):
                kept[name] = value
                pieces.append(("${" + name + "}",))
            else:
                pieces.append(as_text(value))
        pieces.append(text[end:])
        if not any(isinstance(piece, tuple) for piece in pieces):
            return "".join(pieces)
        text = "".join(piece[0] if isinstance(piece, tuple) else piece.replace("${", "${!") for piece in pieces)
        return {"Fn::Sub": [text, kept] if kept else text}


def function(value):
    """The name and the argument of a function. (A policy has conditions of its own, with a mapping in them.)"""
    if isinstance(value, dict) and len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" or name.startswith("Fn::") or (name == "Condition" and isinstance(argument, str)):
            return name, argument
    return None, None


def reference(name):
    """What `${NAME}` stands for."""
    resource, dot, attribute = name.partition(".")
    return {"Fn::GetAtt": [resource, attribute]} if dot else {"Ref": name}


def join(_, argument):
    delimiter, items = argument
    if isinstance(items, list) and all(function(item)[0] is None for item in items):
        return delimiter.join(map(as_text, items))


def split(_, argument):
    delimiter, text = argument
    if isinstance(text, str):
        return text.split(delimiter)


def select(_, argument):
    index, items = argument
    if isinstance(items, list):
        if not int(index) < len(items):
            raise Refused(f"Fn::Select cannot select {index} of {len(items)}")
        return items[int(index)]


def find_in_map(stack, argument):
    found = stack.template.get("Mappings", {})
    for key in argument:
        if as_text(key) not in found:
            raise Refused(f"Unable to get mapping for {'::'.join(map(as_text, argument))}")
        found = found[as_text(key)]
    return found


# Each takes an argument that is worked out, and returns None where that still has a resource in it.
FUNCTIONS = {"Fn::Join": join, "Fn::Split": split, "Fn::Select": select, "Fn::FindInMap": find_in_map}


def as_text(value):
    """As CloudFormation writes a scalar."""
    if isinstance(value, (dict, list)):
        raise Refused(f"{json.dumps(value)} is no text")
    return json.dumps(value) if isinstance(value, bool) else str(value)


def pseudo_parameters(given):
    region = given.get("AWS::Region", "eu-central-1")
    name = given.get("AWS::StackName", "pets")
    account = given.get("AWS::AccountId", "123456789012")
    china, government = region.startswith("cn-"), region.startswith("us-gov-")
    partition = given.get("AWS::Partition", "aws-cn" if china else "aws-us-gov" if government else "aws")
    stack = f"arn:{partition}:cloudformation:{region}:{account}:stack/{name}/5f2a8c10-8f0e-11f1-9c1e-0a1b2c3d4e5f"
    return {
        "AWS::AccountId": account,
        "AWS::NotificationARNs": [],
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::StackId": given.get("AWS::StackId", stack),
        "AWS::StackName": name,
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
    }


def parameters(declared, given):
    for name in given:
        if name not in declared and not name.startswith("AWS::"):
            raise Refused(f"Parameter {name} does not exist in the template")
    values = {}
    for name, parameter in declared.items():
        if name not in given and "Default" not in parameter:
            raise Refused(f"Parameter {name} must have a value")
        values[name] = parameter_value(name, parameter, as_text(given.get(name, parameter.get("Default"))))
    return values


def parameter_value(name, parameter, text):
    """The value as its type has it, if it keeps to what is declared."""

    def require(holds, constraint):
        if not holds:
            said = parameter.get("ConstraintDescription", constraint)
            raise Refused(f"Parameter {name} failed to satisfy constraint: {said}")

    many = parameter["Type"].startswith("List<") or parameter["Type"] == "CommaDelimitedList"
    values = [one.strip() for one in text.split(",")] if many else [text]
    for one in values:
        if "AllowedValues" in parameter:
            require(one in map(as_text, parameter["AllowedValues"]), f"must be one of {parameter['AllowedValues']}")
        if "AllowedPattern" in parameter:
            require(re.fullmatch(parameter["AllowedPattern"], one), f"must match {parameter['AllowedPattern']}")
        require(len(one) >= int(parameter.get("MinLength", 0)), f"must be {parameter.get('MinLength')} characters long")
        require(len(one) <= int(parameter.get("MaxLength", len(one))), f"may be {parameter.get('MaxLength')} characters long")
        if parameter["Type"] == "Number":
            require(re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", one), "must be a number")
            require(float(one) >= float(parameter.get("MinValue", one)), f"must be at least {parameter.get('MinValue')}")
            require(float(one) <= float(parameter.get("MaxValue", one)), f"may be at most {parameter.get('MaxValue')}")
    if parameter["Type"] == "Number":
        return json.loads(text)
    return values if many else text


def answer(question):
    try:
        template = cfn_yaml.loads(question["text"])
        given = question.get("parameters")
        return {"template": template if given is None else Stack(template, given).rendered()}
    except Refused as refused:
        return {"refused": str(refused)}
    except (YAMLError, cfn_yaml.CfnParseError) as error:
        return {"refused": f"not a template: {error}"}


for line in sys.stdin:
    # A date that is not quoted is one to YAML, and a text to CloudFormation.
    print(json.dumps(answer(json.loads(line)), default=str), flush=True)
