"""Lamps and worlds of a Blender scene, from a light rig or a panorama. Runs inside Blender."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .camera import WORLD_FROM_CAMERA
from .lighting import GLOW_CENTRE, GLOW_REACH, AreaLight, LightRig


def set_lights(
    scene: Any,
    rig: LightRig,
    aim: np.ndarray,
    background: np.ndarray,
    name: str = "lights",
    turn: np.ndarray | None = None,
) -> None:
    """Put the rig's lamps about `aim` (Blender's world), moving those set before.

    background: (3,) linear RGB that the camera sees behind the signer. turn: (3, 3), the step from
    the camera that the rig's directions are about to the scene's own; none where None.
    """
    import bpy

    group = bpy.data.collections.get(name)
    if group is None:
        group = bpy.data.collections.new(name)
        scene.collection.children.link(group)
        for lamp in rig.lamps:
            group.objects.link(
                bpy.data.objects.new(lamp.name, bpy.data.lights.new(lamp.name, "AREA"))
            )
    for lamp, made in zip(rig.lamps, group.objects, strict=True):
        _place_lamp(made, lamp, aim, world_turn(turn))
    scene.world = _build_world(rig, background)


def world_turn(turn: np.ndarray | None) -> np.ndarray:
    """(3, 3): a turn between two cameras' frames as one between their worlds in Blender."""
    turn = np.eye(3) if turn is None else turn
    return WORLD_FROM_CAMERA @ turn @ WORLD_FROM_CAMERA.T


def set_panorama(scene: Any, path: str, turn: np.ndarray) -> None:
    """Light the scene by an equirectangular picture alone; lamps are switched off.

    turn: (3, 3), the step from the source camera, which the panorama is upright about.
    """
    import bpy
    from mathutils import Matrix

    for lamp in bpy.data.objects:
        if lamp.type == "LIGHT":
            lamp.hide_render = True
    world = bpy.data.worlds.get("panorama") or bpy.data.worlds.new("panorama")
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    place = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Rotation"].default_value = Matrix(world_turn(turn).T.tolist()).to_euler()
    picture = tree.nodes.new("ShaderNodeTexEnvironment")
    picture.image = bpy.data.images.load(path, check_existing=True)
    light = tree.nodes.new("ShaderNodeBackground")
    output = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(place.outputs["Generated"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], picture.inputs["Vector"])
    tree.links.new(picture.outputs["Color"], light.inputs["Color"])
    tree.links.new(light.outputs["Background"], output.inputs["Surface"])
    scene.world = world


def _place_lamp(made: Any, lamp: AreaLight, aim: np.ndarray, turn: np.ndarray) -> None:
    from mathutils import Vector

    data = made.data
    data.shape = "DISK"
    data.size = lamp.size
    data.energy = lamp.power
    data.color = lamp.colour
    azimuth, elevation = math.radians(lamp.azimuth), math.radians(lamp.elevation)
    away = Vector(
        (
            math.sin(azimuth) * math.cos(elevation),
            -math.cos(azimuth) * math.cos(elevation),
            math.sin(elevation),
        )
    )
    away = Vector(turn @ away)
    made.location = Vector(aim) + away * lamp.distance
    made.rotation_euler = (-away).to_track_quat("-Z", "Y").to_euler()
    made.visible_camera = False
    data.cycles.use_multiple_importance_sampling = False  # no mirrors: found by aiming alone


def _build_world(rig: LightRig, background: np.ndarray) -> Any:
    """A world that lights evenly with white and shows `background` to the camera alone."""
    import bpy

    world = bpy.data.worlds.get("studio") or bpy.data.worlds.new("studio")
    world.cycles.sampling_method = "NONE"  # even light: sampling it by the surface is enough
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    path = tree.nodes.new("ShaderNodeLightPath")
    light = tree.nodes.new("ShaderNodeBackground")
    light.inputs["Color"].default_value = (1.0, 1.0, 1.0, 1.0)
    light.inputs["Strength"].default_value = rig.ambient
    shown = tree.nodes.new("ShaderNodeBackground")
    shown.inputs["Color"].default_value = (*background.tolist(), 1.0)
    if rig.glow > 0:
        tree.links.new(_glow_strength(tree, rig.glow), shown.inputs["Strength"])
    mix = tree.nodes.new("ShaderNodeMixShader")
    output = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(path.outputs["Is Camera Ray"], mix.inputs["Fac"])
    tree.links.new(light.outputs["Background"], mix.inputs[1])
    tree.links.new(shown.outputs["Background"], mix.inputs[2])
    tree.links.new(mix.outputs["Shader"], output.inputs["Surface"])
    return world


def _glow_strength(tree: Any, glow: float) -> Any:
    """The socket of `lighting.glow_strength`, as nodes."""
    place = tree.nodes.new("ShaderNodeTexCoord")
    distance = tree.nodes.new("ShaderNodeVectorMath")
    distance.operation = "DISTANCE"
    distance.inputs[1].default_value = (*GLOW_CENTRE, 0.0)
    spread = tree.nodes.new("ShaderNodeMapRange")
    spread.interpolation_type = "SMOOTHSTEP"
    spread.inputs["From Min"].default_value = 0.0
    spread.inputs["From Max"].default_value = GLOW_REACH
    spread.inputs["To Min"].default_value = 1.0 + glow
    spread.inputs["To Max"].default_value = 1.0 - glow
    tree.links.new(place.outputs["Window"], distance.inputs[0])
    tree.links.new(distance.outputs["Value"], spread.inputs["Value"])
    return spread.outputs["Result"]
